import { config } from "@/config";
import form from "./form.module.css";

/** Whom to ask, where the server names somebody. */
export function SupportLine() {
  if (!config.supportEmail) return null;
  return (
    <p className={form["quiet"]}>
      Need help? <a href={`mailto:${config.supportEmail}`}>{config.supportEmail}</a>
    </p>
  );
}

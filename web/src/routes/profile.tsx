import { SectionedPage } from "@/components/page";
import { config } from "@/config";

const preferences = { to: "/profile/preferences", label: "Preferences" };

const sections = config.authenticationEnabled
  ? [{ to: "/profile/account", label: "Account" }, { to: "/profile/api-keys", label: "API keys" }, { to: "/profile/sessions", label: "Sessions" }, preferences]
  : [preferences];

export function Component() {
  return <SectionedPage title={config.authenticationEnabled ? "Profile" : "Preferences"} sections={sections} />;
}

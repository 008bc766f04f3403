import { LoaderCircle, type LucideIcon } from "lucide-react";
import type { ComponentProps } from "react";
import { cx } from "@/lib/cx";
import styles from "./button.module.css";

interface ButtonProps extends ComponentProps<"button"> {
  readonly variant?: "primary" | "secondary" | "ghost" | "danger";
  readonly icon?: LucideIcon;
  readonly busy?: boolean;
}

export function Button({ variant = "secondary", icon: Icon, busy = false, className, children, disabled, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      className={cx(styles["button"], styles[variant], className)}
    >
      {busy ? <LoaderCircle size={14} className={styles["spin"]} aria-hidden="true" /> : Icon && <Icon size={14} aria-hidden="true" />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ComponentProps<"button">, "children"> {
  readonly icon: LucideIcon;
  readonly label: string;
  readonly spinning?: boolean;
}

/** A button that is only a picture: its label is its name and its tooltip. */
export function IconButton({ icon: Icon, label, spinning = false, className, type = "button", ...rest }: IconButtonProps) {
  return (
    <button {...rest} type={type} aria-label={label} title={label} className={cx(styles["icon"], className)}>
      <Icon size={15} aria-hidden="true" className={spinning ? styles["spin"] : undefined} />
    </button>
  );
}

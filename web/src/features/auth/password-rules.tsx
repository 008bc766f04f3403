import { Check, Circle } from "lucide-react";
import form from "./form.module.css";
import type { Rule } from "./password";

export function PasswordRules({ rules }: { readonly rules: readonly Rule[] }) {
  return (
    <ul className={form["rules"]} aria-label="Password rules">
      {rules.map((rule) => (
        <li key={rule.text} className={rule.met ? form["met"] : undefined}>
          {rule.met ? <Check size={13} aria-hidden="true" /> : <Circle size={13} aria-hidden="true" />}
          {rule.text}
          <span className="visually-hidden">{rule.met ? "(met)" : "(not met)"}</span>
        </li>
      ))}
    </ul>
  );
}

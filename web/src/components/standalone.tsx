import { ArrowLeft, Monitor, Moon, Sun } from "lucide-react";
import type { ReactNode } from "react";
import { serverPath } from "@/config";
import { setTheme, type Theme, useTheme } from "@/lib/theme";
import { IconButton } from "./button";
import styles from "./standalone.module.css";
import { Wordmark } from "./wordmark";

const next: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };
const icons = { system: Monitor, light: Sun, dark: Moon };

/** The frame of a page that stands beside the application: reference and explorer. */
export function Standalone({ title, actions, children }: { readonly title: string; readonly actions?: ReactNode; readonly children: ReactNode }) {
  const theme = useTheme();
  return (
    <div className={styles["page"]}>
      <header className={styles["bar"]}>
        <a href={serverPath("/projects")} className={styles["home"]} title="Back to projects" aria-label="phoenix server, back to projects">
          <ArrowLeft size={14} aria-hidden="true" />
          <Wordmark size={18} />
        </a>
        <span className={styles["slash"]} aria-hidden="true">
          /
        </span>
        <h1>{title}</h1>
        <div className={styles["actions"]}>
          {actions}
          <IconButton
            icon={icons[theme]}
            label={`Theme: ${theme}. Change to ${next[theme]}`}
            onClick={() => {
              setTheme(next[theme]);
            }}
          />
        </div>
      </header>
      {children}
    </div>
  );
}

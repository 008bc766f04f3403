import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useDocumentTitle } from "@/lib/hooks";
import styles from "./page.module.css";

interface PageProps {
  readonly title: string;
  readonly crumbs?: readonly { readonly label: string; readonly to: string }[];
  /** Shown instead of the plain title, e.g. with an id to copy. */
  readonly heading?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** A page of the shell: a bar with where we are and what can be done, and the rest below. */
export function Page({ title, crumbs = [], heading, actions, children }: PageProps) {
  useDocumentTitle(title);
  return (
    <div className={styles["page"]}>
      <header className={styles["bar"]}>
        <nav aria-label="Breadcrumb" className={styles["crumbs"]}>
          {crumbs.map((crumb) => (
            <span key={crumb.to} className={styles["crumb"]}>
              <Link to={crumb.to}>{crumb.label}</Link>
              <ChevronRight size={13} aria-hidden="true" />
            </span>
          ))}
          <h1>{heading ?? title}</h1>
        </nav>
        {actions && <div className={styles["actions"]}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

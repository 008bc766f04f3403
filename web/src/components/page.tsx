import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { Link, NavLink, Outlet, useLocation } from "react-router";
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

interface SectionedPageProps {
  readonly title: string;
  readonly sections: readonly { readonly to: string; readonly label: string }[];
}

/** A page of several sections, each with an address of its own; a single one, when one is there, needs no choice. */
export function SectionedPage({ title, sections }: SectionedPageProps) {
  const { pathname } = useLocation();
  const choice = sections.length > 1 || sections[0]?.to !== pathname;
  return (
    <div className={styles["page"]}>
      <header className={styles["bar"]}>
        <div className={styles["crumbs"]}>
          <h1>{title}</h1>
        </div>
      </header>
      {choice && (
        <nav aria-label={title} className={styles["sections"]}>
          {sections.map((section) => (
            <NavLink key={section.to} to={section.to} className={styles["section"] ?? ""}>
              {section.label}
            </NavLink>
          ))}
        </nav>
      )}
      <Outlet />
    </div>
  );
}

interface SectionProps {
  readonly title: string;
  readonly intro?: ReactNode;
  readonly actions?: ReactNode;
  /** `text` keeps lines short, as forms and facts want; `table` fills the page and scrolls by itself. */
  readonly width: "text" | "table";
  readonly children: ReactNode;
}

export function Section({ title, intro, actions, width, children }: SectionProps) {
  useDocumentTitle(title);
  const head = (
    <div className={styles["head"]}>
      <div className={styles["headText"]}>
        <h2>{title}</h2>
        {intro && <p>{intro}</p>}
      </div>
      {actions && <div className={styles["actions"]}>{actions}</div>}
    </div>
  );
  return width === "table" ? (
    <section className={styles["table"]} aria-label={title}>
      {head}
      {children}
    </section>
  ) : (
    <section className={styles["scroll"]} aria-label={title}>
      <div className={styles["column"]}>
        {head}
        {children}
      </div>
    </section>
  );
}

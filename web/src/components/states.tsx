import { Ban, CloudOff, type LucideIcon, RotateCw, SearchX, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { type ApiError, asApiError } from "@/api/errors";
import { cx } from "@/lib/cx";
import { Button } from "./button";
import styles from "./states.module.css";

interface StateProps {
  readonly icon: LucideIcon;
  readonly title: string;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
  readonly tone?: "quiet" | "danger";
  readonly role?: "alert" | "status";
}

export function State({ icon: Icon, title, children, actions, tone = "quiet", role }: StateProps) {
  return (
    <div className={styles["state"]} role={role}>
      <span className={cx(styles["icon"], tone === "danger" && styles["danger"])}>
        <Icon size={18} aria-hidden="true" />
      </span>
      <h2 className={styles["title"]}>{title}</h2>
      {children && <div className={styles["text"]}>{children}</div>}
      {actions && <div className={styles["actions"]}>{actions}</div>}
    </div>
  );
}

function titleOf(error: ApiError): string {
  switch (error.failure) {
    case "network":
      return "No connection to the server";
    case "tooManyRequests":
      return "Too many requests";
    default:
      return "This could not be loaded";
  }
}

/** A page that this visitor may not use, with the reason. */
export function NoAccess({ title = "You do not have access", children }: { readonly title?: string; readonly children: ReactNode }) {
  return (
    <State icon={Ban} title={title} role="status">
      {children}
    </State>
  );
}

interface FailureProps {
  readonly error: unknown;
  readonly onRetry?: () => void;
  /** What is missing when the server says "not found". */
  readonly what?: string;
}

/** The right state for a failed call: no permission, not there, or an error with its request id. */
export function FailureState({ error: thrown, onRetry, what = "page" }: FailureProps) {
  const error = asApiError(thrown);
  if (error.failure === "forbidden") {
    return <NoAccess>{error.message} Ask an administrator if you need it.</NoAccess>;
  }
  if (error.failure === "notFound") {
    return (
      <State icon={SearchX} title={`No such ${what}`} role="status">
        It may have been deleted, or the address may be wrong.
      </State>
    );
  }
  return (
    <State
      icon={error.failure === "network" ? CloudOff : TriangleAlert}
      tone="danger"
      title={titleOf(error)}
      role="alert"
      actions={
        onRetry && (
          <Button icon={RotateCw} onClick={onRetry}>
            Try again
          </Button>
        )
      }
    >
      <p>{error.message}</p>
      {error.requestId && (
        <p className={styles["request"]}>
          Request <code>{error.requestId}</code>
        </p>
      )}
    </State>
  );
}

export function Skeleton({ width = "100%", height = 10 }: { readonly width?: number | string; readonly height?: number }) {
  return <span className={styles["bone"]} style={{ width, height }} />;
}

/** Rows that stand in for a list while it loads. */
export function SkeletonRows({ rows = 8, label = "Loading" }: { readonly rows?: number; readonly label?: string }) {
  return (
    <div role="status" className={styles["rows"]}>
      <span className="visually-hidden">{label}…</span>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={styles["row"]} style={{ opacity: 1 - (i / rows) * 0.8 }}>
          <Skeleton width={10} />
          <Skeleton width={`${String(18 + ((i * 37) % 17))}%`} />
          <Skeleton width={`${String(24 + ((i * 53) % 22))}%`} />
          <Skeleton width={54} />
        </div>
      ))}
    </div>
  );
}

export function Notice({ tone, children, role }: { readonly tone: "success" | "danger" | "warning"; readonly children: ReactNode; readonly role?: "alert" | "status" }) {
  return (
    <div className={cx(styles["notice"], styles[tone])} role={role ?? (tone === "danger" ? "alert" : "status")}>
      {children}
    </div>
  );
}

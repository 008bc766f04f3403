import { CircleHelp, type LucideIcon, Monitor, Smartphone, SquareTerminal, Tablet } from "lucide-react";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { formatAgo, formatComplete, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { type Device, deviceOf } from "./device";
import type { LoginSession } from "./queries";
import styles from "./session-list.module.css";

const icons: Readonly<Record<Device["kind"], LucideIcon>> = { desktop: Monitor, phone: Smartphone, tablet: Tablet, tool: SquareTerminal, unknown: CircleHelp };

interface SessionListProps {
  readonly label: string;
  readonly sessions: readonly LoginSession[];
  readonly onEnd: (session: LoginSession) => void;
}

/** Where somebody is signed in, the present session first. */
export function SessionList({ label, sessions, onEnd }: SessionListProps) {
  const now = useNow();
  const sorted = [...sessions].sort((a, b) => Number(b.isCurrent) - Number(a.isCurrent) || Date.parse(b.lastUsedAt) - Date.parse(a.lastUsedAt));
  return (
    <ul className={styles["list"]} aria-label={label}>
      {sorted.map((session) => {
        const device = deviceOf(session.userAgent);
        const Icon = icons[device.kind];
        return (
          <li key={session.id} className={styles["session"]}>
            <span className={styles["icon"]} title={session.userAgent ?? undefined}>
              <Icon size={16} aria-hidden="true" />
            </span>
            <div className={styles["what"]}>
              <div className={styles["name"]}>
                <strong>{device.name}</strong>
                {session.isCurrent && <Badge tone="success">This session</Badge>}
              </div>
              <p className={styles["facts"]}>
                <span>{session.ipAddress ?? "address unknown"}</span>
                <span title={formatComplete(session.createdAt)}>signed in {formatAgo(session.createdAt, now)}</span>
                <span title={formatComplete(session.lastUsedAt)}>used {formatAgo(session.lastUsedAt, now)}</span>
                <span title={formatComplete(session.expiresAt)}>ends {formatRelative(session.expiresAt, now)} if unused</span>
              </p>
            </div>
            <Button
              aria-label={session.isCurrent ? "Sign out of this session" : `End the session of ${device.name}`}
              onClick={() => {
                onEnd(session);
              }}
            >
              {session.isCurrent ? "Sign out" : "End"}
            </Button>
          </li>
        );
      })}
    </ul>
  );
}

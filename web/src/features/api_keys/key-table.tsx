import { Trash2 } from "lucide-react";
import { IconButton } from "@/components/button";
import styles from "@/components/data-table.module.css";
import { cx } from "@/lib/cx";
import { formatComplete, formatDay, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import type { ApiKey } from "./queries";

interface KeyTableProps {
  readonly caption: string;
  readonly keys: readonly ApiKey[];
  readonly onRevoke: (key: ApiKey) => void;
  /** For a table within something else, narrow: no descriptions, and a line around it. */
  readonly framed?: boolean;
}

export function KeyTable({ caption, keys, onRevoke, framed = false }: KeyTableProps) {
  const now = useNow();
  return (
    <div className={cx(styles["scroll"], framed && styles["frame"])}>
      <table className={styles["table"]}>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            {!framed && (
              <th scope="col" className={styles["wide"]}>
                Description
              </th>
            )}
            <th scope="col">Created</th>
            <th scope="col">Expires</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => {
            const expired = key.expiresAt !== null && Date.parse(key.expiresAt) <= now;
            return (
              <tr key={key.id}>
                <th scope="row">
                  {key.name}
                  {!framed && key.description && <span className={styles["sub"]}>{key.description}</span>}
                </th>
                {!framed && <td className={styles["wide"]}>{key.description}</td>}
                <td className={styles["nowrap"]} title={formatComplete(key.createdAt)}>
                  {formatRelative(key.createdAt, now)}
                </td>
                <td className={cx(styles["nowrap"], expired && styles["danger"])} title={key.expiresAt ? formatComplete(key.expiresAt) : undefined}>
                  {key.expiresAt === null ? "never" : expired ? "expired" : formatDay(key.expiresAt)}
                </td>
                <td>
                  <IconButton
                    icon={Trash2}
                    label={`Revoke ${key.name}`}
                    onClick={() => {
                      onRevoke(key);
                    }}
                  />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

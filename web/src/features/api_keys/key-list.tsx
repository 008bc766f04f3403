import { useInfiniteQuery } from "@tanstack/react-query";
import { FilterX, KeyRound } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { Button } from "@/components/button";
import { FailureState, SkeletonRows, State } from "@/components/states";
import { type Column, VirtualTable } from "@/components/virtual-table";
import { cx } from "@/lib/cx";
import { formatComplete, formatRelative, plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { KeyPanel } from "./key-panel";
import { expiryText, KeyStateBadge } from "./key-state";
import styles from "./keys.module.css";
import { type Key, type KeyFilter, keysOptions } from "./platform";
import { scopesInWords } from "./scopes";
import { expiryState } from "./usage";

interface KeyListProps {
  /** The address of the list; that of a key lies below it. */
  readonly base: string;
  readonly label: string;
  readonly filter: KeyFilter;
  /** Whether the visitor has narrowed the list. */
  readonly isFiltered: boolean;
  readonly hasOwners: boolean;
  /** What is said when there is not one key. */
  readonly empty: { readonly title: string; readonly text: ReactNode };
  readonly onClearFilter: () => void;
}

const keyOf = (key: Key) => key.id;

/** Keys, and beside them the one that the address names. */
export function KeyList({ base, label, filter, isFiltered, hasOwners, empty, onClearFilter }: KeyListProps) {
  const now = useNow();
  const navigate = useNavigate();
  const { keyId } = useParams();
  const [params] = useSearchParams();
  const query = useInfiniteQuery(keysOptions(filter));
  const keys = query.data?.pages.flatMap((page) => page.data) ?? [];
  const search = params.toString() === "" ? "" : `?${params.toString()}`;

  // A panel that closes is still there for a moment, and then gives the focus back to the row of its key.
  const [shown, setShown] = useState(keyId);
  if (keyId !== undefined && keyId !== shown) setShown(keyId);

  const columns: readonly Column<Key>[] = [
    { id: "name", header: "Name", track: "minmax(120px, 2fr)", cell: (key) => key.name },
    { id: "key", header: "Key", track: "minmax(120px, 1.3fr)", from: 560, cell: (key) => <code className={styles["masked"]}>{key.maskedKey}</code> },
    ...(hasOwners ? [{ id: "owner", header: "Owner", track: "minmax(80px, 1fr)", from: 900, cell: (key: Key) => (key.kind === "system" ? <span className={styles["faint"]}>the system</span> : <span className={styles["soft"]}>{key.owner?.username ?? "—"}</span>) }] : []),
    { id: "may", header: "May", track: "minmax(110px, 1.4fr)", from: 700, cell: (key) => <span className={styles["soft"]}>{scopesInWords(key.scopes)}</span> },
    { id: "projects", header: "Projects", track: "minmax(70px, 1fr)", from: 1040, cell: (key) => <span className={styles["soft"]}>{key.projects === null ? "All" : key.projects.length === 0 ? "None any more" : key.projects.map((project) => project.name).join(", ")}</span> },
    { id: "state", header: "State", track: "84px", cell: (key) => <KeyStateBadge apiKey={key} now={now} /> },
    {
      id: "used",
      header: "Last used",
      track: "84px",
      cell: (key) => (
        <span className={styles["soft"]} title={key.lastUsedAt === null ? undefined : formatComplete(key.lastUsedAt)}>
          {key.lastUsedAt === null ? "never" : formatRelative(key.lastUsedAt, now)}
        </span>
      ),
    },
    {
      id: "expires",
      header: "Expires",
      track: "112px",
      from: 480,
      cell: (key) => {
        const state = key.status === "revoked" ? "never" : expiryState(key.expiresAt, now);
        return (
          <span className={cx(styles["soft"], state === "soon" && styles["warning"], state === "gone" && styles["danger"])} title={key.expiresAt === null ? undefined : formatComplete(key.expiresAt)}>
            {key.status === "revoked" ? "—" : expiryText(key.expiresAt, now)}
          </span>
        );
      },
    },
  ];

  return (
    <>
      {query.isPending ? (
        <SkeletonRows rows={5} label="Loading keys" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : keys.length === 0 ? (
        isFiltered ? (
          <State icon={FilterX} title="No key is like that" role="status" actions={<Button onClick={onClearFilter}>Show all keys</Button>} />
        ) : (
          <State icon={KeyRound} title={empty.title}>
            {empty.text}
          </State>
        )
      ) : (
        <VirtualTable
          label={label}
          columns={columns}
          rows={keys}
          rowKey={keyOf}
          href={(key) => `${base}/${encodeURIComponent(key.id)}${search}`}
          hasMore={query.hasNextPage}
          isLoadingMore={query.isFetchingNextPage}
          onEndReached={() => void query.fetchNextPage()}
          footer={query.hasNextPage ? undefined : plural(keys.length, "key")}
        />
      )}
      {shown !== undefined && (
        <KeyPanel
          key={shown}
          id={shown}
          known={keys.find((key) => key.id === shown)}
          isOpen={keyId !== undefined}
          onClose={() => {
            void navigate(`${base}${search}`);
          }}
        />
      )}
    </>
  );
}

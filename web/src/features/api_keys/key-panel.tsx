import { useQuery } from "@tanstack/react-query";
import { RefreshCw, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { CopyableId } from "@/components/copy";
import { Drawer, DrawerSection } from "@/components/drawer";
import { FailureState, SkeletonRows } from "@/components/states";
import { KeyLog } from "@/features/access_logs/key-log";
import { KeyAlerts } from "@/features/alerts/key-alerts";
import { roleLabel } from "@/features/auth/roles";
import { cx } from "@/lib/cx";
import { formatComplete, formatCount, formatDay, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { RevokeDialog, RotateDialog } from "./deed-dialogs";
import { EditForm } from "./edit-form";
import { expiryText, isRotating, KeyStateBadge, statusOf } from "./key-state";
import styles from "./keys.module.css";
import { type Key, keyOptions, keysChanged, type KeyWithSecret } from "./platform";
import { adminScope, resources, scopesInWords, scopeText } from "./scopes";
import { SecretDialog } from "./secret-dialog";
import { UsageSection } from "./usage-section";

interface KeyPanelProps {
  readonly id: string;
  /** What the list knows of it already. */
  readonly known: Key | undefined;
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

export function KeyPanel({ id, known, isOpen, onClose }: KeyPanelProps) {
  const now = useNow();
  const query = useQuery({ ...keyOptions(id), enabled: isOpen });
  const [isDirty, setDirty] = useState(false);
  const key = query.data ?? known;
  return (
    <Drawer
      title={key?.name ?? "API key"}
      subtitle={
        key && (
          <div className={styles["subtitle"]}>
            <KeyStateBadge apiKey={key} now={now} />
            <Badge tone="accent">{key.kind === "system" ? "System" : "Personal"}</Badge>
            {key.environment === "test" && <Badge>Test</Badge>}
            <code>{key.maskedKey}</code>
          </div>
        )
      }
      isOpen={isOpen}
      isDirty={isDirty}
      onClose={() => {
        setDirty(false);
        onClose();
      }}
    >
      {key === undefined ? (
        query.isError ? (
          <FailureState what="key" error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <SkeletonRows rows={6} label="Loading the key" />
        )
      ) : (
        <>
          <About key={key.id} apiKey={key} now={now} onDirty={setDirty} />
          <KeyAlerts keyId={key.id} />
          <UsageSection apiKey={key} />
          <KeyLog keyId={key.id} />
          {statusOf(key, now) !== "revoked" && <Deeds apiKey={key} now={now} />}
        </>
      )}
    </Drawer>
  );
}

function About({ apiKey: key, now, onDirty }: { readonly apiKey: Key; readonly now: number; readonly onDirty: (dirty: boolean) => void }) {
  const [editing, setEditing] = useState(false);
  const [wasEdited, setWasEdited] = useState(false);
  const turn = (next: boolean) => {
    setEditing(next);
    setWasEdited(true);
    onDirty(next);
  };

  return (
    <DrawerSection
      title="About"
      actions={
        !editing &&
        key.status !== "revoked" && (
          // Who was in the form goes on from here, and the page scrolls back to it.
          <Button
            autoFocus={wasEdited}
            onClick={() => {
              turn(true);
            }}
          >
            Edit
          </Button>
        )
      }
    >
      {editing && (
        <EditForm
          apiKey={key}
          onDone={() => {
            turn(false);
          }}
        />
      )}
      {!editing && key.description && <p>{key.description}</p>}
      {!editing && <Facts apiKey={key} now={now} />}
    </DrawerSection>
  );
}

function Facts({ apiKey: key, now }: { readonly apiKey: Key; readonly now: number }) {
  const limits = [
    [key.limits.ingestPerMinute, "trace requests a minute"],
    [key.limits.apiPerMinute, "other requests a minute"],
    [key.limits.concurrent, "requests at once"],
  ].flatMap(([value, text]) => (typeof value === "number" ? [`${formatCount(value)} ${String(text)}`] : []));
  const expiry = expiryText(key.expiresAt, now);
  return (
    <dl className={styles["facts"]}>
      <Fact name="May">
        <Permissions scopes={key.scopes} role={key.role} />
      </Fact>
      <Fact name="Projects">{key.projects === null ? "All" : key.projects.length === 0 ? "None any more" : key.projects.map((project) => project.name).join(", ")}</Fact>
      {key.owner && <Fact name="Owner">{key.owner.username}</Fact>}
      <Fact name="Role">{roleLabel(key.role)}</Fact>
      <Fact name="Created">
        <span title={formatComplete(key.createdAt)}>
          {formatDay(key.createdAt)}
          {key.createdBy && key.createdBy.id !== key.owner?.id ? ` by ${key.createdBy.username}` : ""}
        </span>
      </Fact>
      <Fact name={statusOf(key, now) === "revoked" ? "Revoked" : "Expires"}>
        {statusOf(key, now) === "revoked" ? (
          <span title={formatComplete(key.revokedAt)}>{formatRelative(key.revokedAt, now)}</span>
        ) : (
          <span className={cx(expiry.startsWith("expired") && styles["danger"], expiry.startsWith("in ") && styles["warning"])} title={formatComplete(key.expiresAt)}>
            {expiry}
          </span>
        )}
      </Fact>
      {key.plan !== null && <Fact name="Plan">{key.plan.slice(0, 1).toUpperCase() + key.plan.slice(1)}</Fact>}
      {limits.length > 0 && (
        <Fact name="Limits">
          <ul>
            {limits.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </Fact>
      )}
      <Fact name="Id">
        <CopyableId value={key.id} label="id" length={40} />
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Permissions({ scopes, role }: { readonly scopes: readonly string[] | null; readonly role: string }) {
  if (scopes === null) return <>All that the role of {role === "ADMIN" ? "an" : "a"} {roleLabel(role).toLowerCase()} allows</>;
  const words = scopesInWords(scopes);
  if (scopes.includes(adminScope.scope)) return <>{adminScope.text}</>;
  const order = resources.flatMap((one) => [one.read.scope, one.write.scope]);
  const sorted = [...scopes].sort((a, b) => order.indexOf(a) - order.indexOf(b));
  return scopes.length > 4 ? (
    <details>
      <summary>{words}</summary>
      <ScopeList scopes={sorted} />
    </details>
  ) : (
    <ScopeList scopes={sorted} />
  );
}

function ScopeList({ scopes }: { readonly scopes: readonly string[] }) {
  return (
    <ul>
      {scopes.map((scope) => (
        <li key={scope} title={scope}>
          {scopeText(scope)}
        </li>
      ))}
    </ul>
  );
}

function Deeds({ apiKey: key, now }: { readonly apiKey: Key; readonly now: number }) {
  const [asking, setAsking] = useState<"rotate" | "revoke" | null>(null);
  const [rotated, setRotated] = useState<KeyWithSecret | null>(null);
  const close = () => {
    setAsking(null);
  };
  const previous = key.previousSecret;
  return (
    <DrawerSection title="Secret">
      {previous !== null && isRotating(key, now) && (
        <div className={styles["secrets"]}>
          <div>
            <code>{key.maskedKey}</code>
            <span className={styles["soft"]}>the new one</span>
          </div>
          <div>
            <code>{previous.maskedKey}</code>
            <span className={styles["warning"]} title={formatComplete(previous.expiresAt)}>
              works {formatRelative(previous.expiresAt, now) === "now" ? "for a moment" : `until ${formatComplete(previous.expiresAt).replace(/:\d\d\.\d+/, "")}`}
            </span>
          </div>
        </div>
      )}
      {statusOf(key, now) === "active" && (
        <div className={styles["deed"]}>
          <div>
            <h4>Rotate</h4>
            <p className={styles["soft"]}>A new secret for the same key. The present one works on for as long as you say.</p>
          </div>
          <Button icon={RefreshCw} onClick={() => setAsking("rotate")}>
            Rotate key
          </Button>
        </div>
      )}
      <div className={styles["deed"]}>
        <div>
          <h4>Revoke</h4>
          <p className={styles["soft"]}>Refused at once and for good. What it did stays on record.</p>
        </div>
        <Button variant="danger" icon={Trash2} onClick={() => setAsking("revoke")}>
          Revoke key
        </Button>
      </div>
      <RotateDialog
        apiKey={key}
        isOpen={asking === "rotate"}
        onClose={close}
        onRotated={(next) => {
          close();
          keysChanged();
          setRotated(next);
        }}
      />
      <RevokeDialog target={asking === "revoke" ? key : null} onClose={close} onRevoked={keysChanged} />
      <SecretDialog
        created={rotated}
        onClose={() => {
          setRotated(null);
        }}
      />
    </DrawerSection>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useId, useState } from "react";
import { Link } from "react-router";
import { asApiError } from "@/api/errors";
import { queryClient } from "@/api/query-client";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Drawer, DrawerSection } from "@/components/drawer";
import { ChoiceField, Field } from "@/components/field";
import { FailureState, Notice, SkeletonRows } from "@/components/states";
import { useToast } from "@/components/toast";
import { RevokeKeyDialog } from "@/features/api_keys/key-dialogs";
import { KeyTable } from "@/features/api_keys/key-table";
import { type ApiKey, revokeUserApiKey } from "@/features/api_keys/queries";
import { assignableRole, roleLabel } from "@/features/auth/roles";
import { logout, type Viewer, viewerOptions } from "@/features/auth/session";
import { EndDialog } from "@/features/sessions/end-dialog";
import type { LoginSession } from "@/features/sessions/queries";
import { SessionList } from "@/features/sessions/session-list";
import { formatAgo, formatComplete, formatDay } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { patchUser, type User, userAccessOptions, type UserPatch, usersOptions } from "./queries";
import { type Refusals, refusalsFor } from "./rules";
import { DeactivateDialog, DeleteDialog, type FreshPassword, PasswordShownOnce, ResetPasswordDialog, roleOptions } from "./user-dialogs";
import styles from "./user-panel.module.css";
import { UserStateBadge } from "./user-state";

interface UserPanelProps {
  readonly isOpen: boolean;
  readonly user: User;
  readonly everybody: readonly User[];
  readonly viewer: Viewer;
  readonly onClose: () => void;
}

function changed(): void {
  void queryClient.invalidateQueries(usersOptions);
  void queryClient.invalidateQueries({ queryKey: ["user-access"] });
}

export function UserPanel({ isOpen, user, everybody, viewer, onClose }: UserPanelProps) {
  const [isDirty, setDirty] = useState(false);
  const now = useNow();
  const access = useQuery({ ...userAccessOptions(user.id), enabled: isOpen });
  const refusals = refusalsFor(user, viewer.id, everybody);
  const own = user.id === viewer.id;
  return (
    <Drawer
      title={user.username}
      subtitle={
        <div className={styles["subtitle"]}>
          <Badge tone="accent">{roleLabel(user.role.name)}</Badge>
          <UserStateBadge user={user} />
          {own && <Badge>You</Badge>}
          <span title={formatComplete(user.lastLoginAt)}>{user.lastLoginAt === null ? "never signed in" : `signed in ${formatAgo(user.lastLoginAt, now)}`}</span>
          {access.data && <span>here since {formatDay(access.data.createdAt)}</span>}
        </div>
      }
      isOpen={isOpen}
      isDirty={isDirty}
      onClose={() => {
        setDirty(false);
        onClose();
      }}
    >
      <AccountSection key={`${user.username} ${user.email ?? ""} ${user.role.name}`} user={user} own={own} refusals={refusals} onDirty={setDirty} />
      <AccessSections user={user} access={access} />
      <DoorSection user={user} own={own} refusals={refusals} sessionCount={access.data?.sessions.length ?? null} onDeleted={onClose} />
    </Drawer>
  );
}

interface AccountSectionProps {
  readonly user: User;
  readonly own: boolean;
  readonly refusals: Refusals;
  readonly onDirty: (dirty: boolean) => void;
}

function AccountSection({ user, own, refusals, onDirty }: AccountSectionProps) {
  const toast = useToast();
  const before = assignableRole(user.role.name) ?? "VIEWER";
  const [name, setName] = useState(user.username);
  const [email, setEmail] = useState(user.email ?? "");
  const [role, setRole] = useState(before);

  const patch: UserPatch = {
    ...(name.trim() !== user.username && { newUsername: name.trim() }),
    ...(email.trim().toLowerCase() !== (user.email ?? "") && { newEmail: email.trim() }),
    ...(role !== before && { newRole: role }),
  };
  const dirty = Object.keys(patch).length > 0;

  const mutation = useMutation({
    mutationFn: (wanted: UserPatch) => patchUser(user.id, wanted),
    onSuccess: () => {
      onDirty(false);
      changed();
      if (own) void queryClient.invalidateQueries(viewerOptions);
      toast(`${name.trim()} was changed.`);
    },
  });

  const typed = (next: { name?: string; email?: string; role?: typeof before }) => {
    const all = { name, email, role, ...next };
    setName(all.name);
    setEmail(all.email);
    setRole(all.role);
    onDirty(all.name.trim() !== user.username || all.email.trim().toLowerCase() !== (user.email ?? "") || all.role !== before);
  };

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    mutation.mutate(patch);
  }

  return (
    <DrawerSection title="Account">
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit} className={styles["form"]}>
        <Field label="Name" name="username" value={name} onChange={(event) => typed({ name: event.target.value })} required autoComplete="off" maxLength={200} pattern=".*\S.*" title="A name that is not only spaces" />
        <Field label="E-mail" name="email" type="email" value={email} onChange={(event) => typed({ email: event.target.value })} required autoComplete="off" spellCheck={false} />
        <ChoiceField label="Role" name="role" value={role} options={roleOptions} disabled={refusals.role !== null} hint={refusals.role} onChange={(next) => typed({ role: next })} />
        {role !== before && <Notice tone="warning">The new role signs {user.username} out everywhere. Their API keys keep to the new role at once.</Notice>}
        {dirty && (
          <div className={styles["buttons"]}>
            <Button
              onClick={() => {
                mutation.reset();
                typed({ name: user.username, email: user.email ?? "", role: before });
              }}
            >
              Discard
            </Button>
            <Button type="submit" variant="primary" busy={mutation.isPending}>
              Save changes
            </Button>
          </div>
        )}
      </form>
    </DrawerSection>
  );
}

interface Access {
  readonly isPending: boolean;
  readonly isError: boolean;
  readonly error: unknown;
  readonly data: { readonly apiKeys: readonly ApiKey[]; readonly sessions: readonly LoginSession[] } | undefined;
  readonly refetch: () => unknown;
}

function AccessSections({ user, access }: { readonly user: User; readonly access: Access }) {
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const [ending, setEnding] = useState<readonly LoginSession[] | null>(null);
  const sessions = access.data?.sessions ?? [];

  if (access.isError) return <FailureState what="user" error={access.error} onRetry={() => void access.refetch()} />;
  return (
    <>
      <DrawerSection title="API keys">
        {access.data === undefined ? (
          <SkeletonRows rows={2} label="Loading keys" />
        ) : access.data.apiKeys.length === 0 ? (
          <p className={styles["soft"]}>No keys of their own.</p>
        ) : (
          <KeyTable framed caption={`API keys of ${user.username}`} keys={access.data.apiKeys} onRevoke={setRevoking} />
        )}
      </DrawerSection>
      <DrawerSection
        title="Sessions"
        actions={
          sessions.length > 1 && (
            <Button
              onClick={() => {
                setEnding(sessions.filter((session) => !session.isCurrent));
              }}
            >
              {sessions.some((session) => session.isCurrent) ? "End all others" : "End all"}
            </Button>
          )
        }
      >
        {access.data === undefined ? (
          <SkeletonRows rows={2} label="Loading sessions" />
        ) : sessions.length === 0 ? (
          <p className={styles["soft"]}>Signed in nowhere.</p>
        ) : (
          <SessionList
            label={`Sessions of ${user.username}`}
            sessions={sessions}
            onEnd={(session) => {
              if (session.isCurrent) logout();
              else setEnding([session]);
            }}
          />
        )}
      </DrawerSection>
      <RevokeKeyDialog
        target={revoking}
        revoke={revokeUserApiKey}
        onRevoked={changed}
        onClose={() => {
          setRevoking(null);
        }}
      />
      <EndDialog
        targets={ending}
        of={user.username}
        onEnded={changed}
        onClose={() => {
          setEnding(null);
        }}
      />
    </>
  );
}

interface DoorSectionProps {
  readonly user: User;
  readonly own: boolean;
  readonly refusals: Refusals;
  readonly sessionCount: number | null;
  readonly onDeleted: () => void;
}

/** What keeps somebody out, or lets them in again. */
function DoorSection({ user, own, refusals, sessionCount, onDeleted }: DoorSectionProps) {
  const toast = useToast();
  const [asking, setAsking] = useState<"password" | "deactivate" | "delete" | null>(null);
  const [fresh, setFresh] = useState<FreshPassword | null>(null);
  const close = () => {
    setAsking(null);
  };
  const reactivate = useMutation({
    mutationFn: () => patchUser(user.id, { isActive: true }),
    onSuccess: () => {
      changed();
      toast(`${user.username} may sign in again.`);
    },
    onError: (error) => {
      toast(asApiError(error).message, "danger");
    },
  });

  return (
    <DrawerSection title="Access">
      <Deed title="Password" text="A new one is made and shown to you once. All sessions end." refusal={refusals.password} link={own && user.authMethod === "LOCAL" && <Link to="/profile/account">Your profile</Link>}>
        {(described) => (
          <Button disabled={refusals.password !== null} aria-describedby={described} onClick={() => setAsking("password")}>
            Reset password
          </Button>
        )}
      </Deed>
      {user.isActive ? (
        <Deed title="Deactivate" text="Keeps them and their keys out until you reactivate them. Deletes nothing." refusal={refusals.deactivate}>
          {(described) => (
            <Button disabled={refusals.deactivate !== null} aria-describedby={described} onClick={() => setAsking("deactivate")}>
              Deactivate
            </Button>
          )}
        </Deed>
      ) : (
        <Deed title="Reactivate" text="Lets them sign in again, and their keys work again." refusal={null}>
          {(described) => (
            <Button aria-describedby={described} busy={reactivate.isPending} onClick={() => reactivate.mutate()}>
              Reactivate
            </Button>
          )}
        </Deed>
      )}
      <Deed title="Delete" text="For good, with all their keys and sessions. Observed data stays." refusal={refusals.remove}>
        {(described) => (
          <Button variant="danger" disabled={refusals.remove !== null} aria-describedby={described} onClick={() => setAsking("delete")}>
            Delete user
          </Button>
        )}
      </Deed>
      <ResetPasswordDialog
        user={user}
        isOpen={asking === "password"}
        onClose={close}
        onDone={(password) => {
          close();
          changed();
          setFresh(password);
        }}
      />
      <PasswordShownOnce
        fresh={fresh}
        onClose={() => {
          setFresh(null);
        }}
      />
      <DeactivateDialog
        user={user}
        isOpen={asking === "deactivate"}
        onClose={close}
        onDone={() => {
          close();
          changed();
        }}
      />
      <DeleteDialog
        user={user}
        isOpen={asking === "delete"}
        sessionCount={sessionCount}
        onClose={close}
        onDone={() => {
          close();
          onDeleted();
          changed();
        }}
      />
    </DrawerSection>
  );
}

interface DeedProps {
  readonly title: string;
  readonly text: string;
  /** Why it cannot be done, said instead. */
  readonly refusal: string | null;
  readonly link?: ReactNode;
  readonly children: (describedBy: string) => ReactNode;
}

function Deed({ title, text, refusal, link, children }: DeedProps) {
  const id = useId();
  return (
    <div className={styles["deed"]}>
      <div>
        <h4>{title}</h4>
        <p id={id} className={styles["soft"]}>
          {refusal ?? text} {link}
        </p>
      </div>
      {children(id)}
    </div>
  );
}

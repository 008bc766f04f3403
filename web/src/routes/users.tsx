import { useQuery } from "@tanstack/react-query";
import { SearchX, UserPlus, UserX } from "lucide-react";
import { useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { queryClient } from "@/api/query-client";
import { Button } from "@/components/button";
import { SearchField } from "@/components/field";
import { Section } from "@/components/page";
import { FailureState, NoAccess, SkeletonRows, State } from "@/components/states";
import { type Column, VirtualTable } from "@/components/virtual-table";
import { config } from "@/config";
import { roleLabel } from "@/features/auth/roles";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { type User, usersOptions } from "@/features/users/queries";
import { matches, stateOf } from "@/features/users/rules";
import { CreateUserDialog, type FreshPassword, PasswordShownOnce } from "@/features/users/user-dialogs";
import { UserPanel } from "@/features/users/user-panel";
import { UserStateBadge } from "@/features/users/user-state";
import { formatComplete, formatCount, formatRelative, plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import lists from "./lists.module.css";
import styles from "./users.module.css";

export function Component() {
  const viewer = useQuery(viewerOptions).data;
  const allowed = isAdmin(viewer);
  const query = useQuery({ ...usersOptions, enabled: allowed });
  const { userId } = useParams();
  const [params, setParams] = useSearchParams();
  const navigate = useNavigate();
  const now = useNow();
  const [fresh, setFresh] = useState<FreshPassword | null>(null);
  const search = params.get("q") ?? "";
  const creating = params.get("create") === "1";
  const users = query.data ?? [];
  const found = users.filter((user) => matches(user, search));
  const chosen = users.find((user) => user.id === userId);

  // A panel that closes is still there for a moment, and then gives the focus back to the row of its user.
  const [shown, setShown] = useState(chosen);
  if (chosen !== undefined && chosen !== shown) setShown(chosen);

  const setParam = (name: string, value: string) => {
    setParams(
      (before) => {
        if (value === "") before.delete(name);
        else before.set(name, value);
        return before;
      },
      { replace: true },
    );
  };
  const listPath = `/settings/users${search === "" ? "" : `?q=${encodeURIComponent(search)}`}`;
  const hrefOf = (user: User) => `/settings/users/${encodeURIComponent(user.id)}${search === "" ? "" : `?q=${encodeURIComponent(search)}`}`;

  const columns: readonly Column<User>[] = [
    {
      id: "name",
      header: "User",
      track: "minmax(120px, 2fr)",
      cell: (user) => (
        <span className={lists["name"]}>
          <span className={styles["avatar"]} data-off={user.isActive ? undefined : true} aria-hidden="true">
            {user.username.slice(0, 1).toUpperCase()}
          </span>
          <span>
            {user.username}
            {user.id === viewer?.id && <span className={lists["faint"]}> (you)</span>}
          </span>
        </span>
      ),
    },
    { id: "email", header: "E-mail", track: "minmax(140px, 2fr)", from: 620, cell: (user) => <span className={lists["soft"]}>{user.email}</span> },
    { id: "role", header: "Role", track: "72px", cell: (user) => roleLabel(user.role.name) },
    { id: "state", header: "State", track: "minmax(90px, 168px)", cell: (user) => (stateOf(user) === "active" ? <span className={lists["soft"]}>Active</span> : <UserStateBadge user={user} />) },
    {
      id: "login",
      header: "Last sign-in",
      track: "96px",
      from: 760,
      cell: (user) => (
        <span className={lists["soft"]} title={formatComplete(user.lastLoginAt)}>
          {user.lastLoginAt === null ? "never" : formatRelative(user.lastLoginAt, now)}
        </span>
      ),
    },
    { id: "keys", header: "Keys", track: "52px", align: "end", from: 480, cell: (user) => formatCount(user.apiKeyCount) },
  ];

  if (!config.authenticationEnabled) {
    return (
      <Section title="Users" width="table">
        <NoAccess title="There are no users here">Authentication is off on this server: whoever reaches it may do everything. Users, roles and passwords exist once it is turned on.</NoAccess>
      </Section>
    );
  }
  if (!allowed) {
    return (
      <Section title="Users" width="table">
        <NoAccess>
          Users are managed by administrators. You are signed in as {viewer?.username ?? "somebody"}, {roleLabel(viewer?.role.name ?? "").toLowerCase()}; ask an administrator if somebody should be added or changed.
        </NoAccess>
      </Section>
    );
  }

  return (
    <Section
      title="Users"
      width="table"
      intro="Who may sign in, and what they may do at most."
      actions={
        <>
          <SearchField label="Search users" value={search} onChange={(value) => setParam("q", value)} className={lists["search"] ?? ""} />
          <Button variant="primary" icon={UserPlus} onClick={() => setParam("create", "1")}>
            New user
          </Button>
        </>
      }
    >
      {userId !== undefined && query.isSuccess && chosen === undefined && (
        <p className={styles["gone"]} role="alert">
          <UserX size={14} aria-hidden="true" />
          <span>There is no such user, or no longer. Here is who there is.</span>
          <Button onClick={() => void navigate(listPath, { replace: true })}>Back to the list</Button>
        </p>
      )}
      {query.isPending ? (
        <SkeletonRows label="Loading users" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : found.length === 0 ? (
        <State icon={SearchX} title={`Nobody matches “${search}”`} role="status" actions={<Button onClick={() => setParam("q", "")}>Show all users</Button>} />
      ) : (
        <VirtualTable
          label="Users"
          columns={columns}
          rows={found}
          rowKey={keyOf}
          href={hrefOf}
          footer={found.length === users.length ? plural(users.length, "user") : `${formatCount(found.length)} of ${plural(users.length, "user")}`}
        />
      )}
      {shown && viewer && (
        <UserPanel
          key={shown.id}
          isOpen={chosen !== undefined}
          user={shown}
          everybody={users}
          viewer={viewer}
          onClose={() => {
            void navigate(listPath);
          }}
        />
      )}
      <CreateUserDialog
        isOpen={creating}
        onClose={() => setParam("create", "")}
        onCreated={(password) => {
          setParam("create", "");
          setFresh(password);
          void queryClient.invalidateQueries(usersOptions);
        }}
      />
      <PasswordShownOnce
        fresh={fresh}
        onClose={() => {
          setFresh(null);
        }}
      />
    </Section>
  );
}

const keyOf = (user: User) => user.id;

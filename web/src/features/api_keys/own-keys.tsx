import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/button";
import { FilterBar, FilterSelect } from "@/components/filters";
import { Section } from "@/components/page";
import { assignableRole } from "@/features/auth/roles";
import type { Viewer } from "@/features/auth/session";
import { useParam } from "@/lib/url-params";
import { CreateDialog } from "./create-dialog";
import { KeyList } from "./key-list";
import { keysChanged, type KeyWithSecret } from "./platform";
import { SecretDialog } from "./secret-dialog";
import { statuses, statusParam } from "./system-keys";

/** The visitor's own keys. */
export function OwnKeys({ viewer }: { readonly viewer: Viewer }) {
  const [get, set] = useParam();
  const [created, setCreated] = useState<KeyWithSecret | null>(null);
  const role = assignableRole(viewer.role.name) ?? "VIEWER";
  const status = get("status", "active");
  const wanted = statusParam(status);
  const create = (
    <Button variant="primary" icon={Plus} onClick={() => set("create", "1")}>
      New key
    </Button>
  );
  return (
    <Section title="API keys" width="table" intro="Your own keys reach no further than your role, and end with your account. Use them for your own scripts and notebooks." actions={create}>
      <FilterBar label="Narrow the list">
        <FilterSelect label="State" value={status} options={statuses} onChange={(value) => set("status", value, "active")} />
      </FilterBar>
      <KeyList
        base="/profile/api-keys"
        label="Your API keys"
        filter={{ kind: "user", owner: viewer.id, ...(wanted && { status: wanted }) }}
        hasOwners={false}
        isFiltered={status === "expired" || status === "revoked"}
        onClearFilter={() => set("status", "all", "active")}
        empty={{
          title: "You have no keys yet",
          text: role === "VIEWER" ? "A key lets a script read what you can read." : "A key lets a script or a notebook send and read traces in your name.",
        }}
      />
      <CreateDialog
        kind="user"
        makerRole={role}
        isOpen={get("create") === "1"}
        onClose={() => set("create", "")}
        onCreated={(key) => {
          set("create", "");
          keysChanged();
          setCreated(key);
        }}
      />
      <SecretDialog
        created={created}
        onClose={() => {
          setCreated(null);
        }}
      />
    </Section>
  );
}

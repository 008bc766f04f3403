import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/button";
import { FilterBar, FilterSelect } from "@/components/filters";
import { Section } from "@/components/page";
import { usersOptions } from "@/features/users/queries";
import { useParam } from "@/lib/url-params";
import { CreateDialog } from "./create-dialog";
import { KeyList } from "./key-list";
import { type KeyFilter, keysChanged, type KeyWithSecret } from "./platform";
import { SecretDialog } from "./secret-dialog";

const kinds = [
  { value: "all", label: "All" },
  { value: "system", label: "System" },
  { value: "user", label: "Personal" },
];
export const statuses = [
  { value: "active", label: "Active" },
  { value: "expired", label: "Expired" },
  { value: "revoked", label: "Revoked" },
  { value: "all", label: "All" },
];

const kindOf = (value: string): KeyFilter["kind"] => (value === "user" || value === "system" ? value : undefined);
export const statusParam = (value: string): KeyFilter["status"] => (value === "active" || value === "expired" || value === "revoked" ? value : undefined);

/** Every key of the server, for administrators. */
export function SystemKeys() {
  const [get, set, setAll] = useParam();
  const users = useQuery(usersOptions).data ?? [];
  const [created, setCreated] = useState<KeyWithSecret | null>(null);
  const [kind, status, owner] = [get("kind", "all"), get("status", "active"), get("owner")];
  const [wantedKind, wantedStatus] = [kindOf(kind), statusParam(status)];
  const filter: KeyFilter = { ...(wantedKind && { kind: wantedKind }), ...(wantedStatus && { status: wantedStatus }), ...(owner !== "" && { owner }) };
  const create = (
    <Button variant="primary" icon={Plus} onClick={() => set("create", "1")}>
      New key
    </Button>
  );
  return (
    <Section title="API keys" width="table" intro="System keys belong to no person and survive whoever made them: one for each service that sends or reads traces. Personal keys act for their owners." actions={create}>
      <FilterBar label="Narrow the list">
        <FilterSelect label="Kind" value={kind} options={kinds} onChange={(value) => set("kind", value, "all")} />
        <FilterSelect label="State" value={status} options={statuses} onChange={(value) => set("status", value, "active")} />
        <FilterSelect label="Owner" value={owner} options={[{ value: "", label: "Anybody" }, ...users.map((user) => ({ value: user.id, label: user.username }))]} onChange={(value) => set("owner", value)} />
      </FilterBar>
      <KeyList
        base="/settings/api-keys"
        label="API keys"
        filter={filter}
        hasOwners
        isFiltered={kind !== "all" || owner !== "" || status === "expired" || status === "revoked"}
        onClearFilter={() => setAll(["kind", ""], ["owner", ""], ["status", "all"])}
        empty={{
          title: "No keys in use",
          text: (
            <>
              Make the first one, and give it to a service as <code>PHOENIX_API_KEY</code>.
            </>
          ),
        }}
      />
      <CreateDialog
        kind="system"
        makerRole="ADMIN"
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

import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/button";
import { FilterBar, FilterSelect } from "@/components/filters";
import { Section } from "@/components/page";
import { Segmented } from "@/components/segmented";
import { NoAccess } from "@/components/states";
import { config } from "@/config";
import { AlertList } from "@/features/alerts/alert-list";
import { CreateDestinationDialog, SigningSecretDialog } from "@/features/alerts/destination-dialogs";
import { DestinationList } from "@/features/alerts/destination-list";
import { DestinationPanel } from "@/features/alerts/destination-panel";
import { destinationsOptions, type DestinationWithSecret } from "@/features/alerts/queries";
import { kinds } from "@/features/alerts/words";
import { isAdmin, viewerOptions } from "@/features/auth/session";
import { useParam } from "@/lib/url-params";

const views = [
  { value: "open", label: "Open" },
  { value: "resolved", label: "Resolved" },
  { value: "destinations", label: "Destinations" },
] as const;

export function Component() {
  const allowed = isAdmin(useQuery(viewerOptions).data);
  if (allowed) return <AlertsPage />;
  return (
    <Section title="Alerts" width="table">
      {config.authenticationEnabled ? (
        <NoAccess>Alerts are for administrators. Those about your own keys stand beside them.</NoAccess>
      ) : (
        <NoAccess title="There are no alerts here">Alerts are about keys, and keys exist only on servers with authentication turned on.</NoAccess>
      )}
    </Section>
  );
}

function AlertsPage() {
  const [get, set, setAll] = useParam();
  const view = views.find((one) => one.value === get("view", "open"))?.value ?? "open";
  const kind = get("kind");
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState<DestinationWithSecret | null>(null);
  const chosen = get("destination");
  const destination = useQuery({ ...destinationsOptions, enabled: view === "destinations" }).data?.find((one) => one.id === chosen);
  return (
    <Section title="Alerts" width="table" intro="Keys that nobody uses, that fail, that come from somewhere new or that end soon.">
      <FilterBar
        label="What to show"
        end={
          view === "destinations" && (
            <Button icon={Plus} onClick={() => setNew(true)}>
              New destination
            </Button>
          )
        }
      >
        <Segmented label="View" value={view} options={views} onChange={(value) => setAll(["view", value, "open"], ["destination", ""])} />
        {view !== "destinations" && <FilterSelect label="Kind" value={kind} options={[{ value: "", label: "Any" }, ...kinds]} onChange={(value) => set("kind", value)} />}
      </FilterBar>
      {view === "destinations" ? (
        <DestinationList onOpen={(id) => set("destination", id)} onNew={() => setNew(true)} />
      ) : (
        <AlertList status={view} kind={kind} onClearKind={() => set("kind", "")} />
      )}
      <DestinationPanel destination={destination} onSecret={setMade} onClose={() => set("destination", "")} />
      <CreateDestinationDialog
        isOpen={isNew}
        onClose={() => setNew(false)}
        onCreated={(destinationMade) => {
          setNew(false);
          // Not both at once: what opens last would cover the secret.
          if (destinationMade.secret === null) set("destination", destinationMade.id);
          else setMade(destinationMade);
        }}
      />
      <SigningSecretDialog
        made={made}
        onClose={() => {
          if (made) set("destination", made.id);
          setMade(null);
        }}
      />
    </Section>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Plus, Send } from "lucide-react";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { FailureState, SkeletonRows, State } from "@/components/states";
import logs from "@/features/access_logs/logs.module.css";
import { formatComplete, formatDay } from "@/lib/format";
import styles from "./alerts.module.css";
import { type Destination, destinationsOptions } from "./queries";
import { targetOf, toldOf } from "./words";

interface DestinationListProps {
  readonly onOpen: (id: string) => void;
  readonly onNew: () => void;
}

export function DestinationList({ onOpen, onNew }: DestinationListProps) {
  const query = useQuery(destinationsOptions);
  if (query.isPending) return <SkeletonRows label="Loading the destinations" />;
  if (query.isError) return <FailureState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data.length === 0) {
    return (
      <State
        icon={Send}
        title="Nobody is told of alerts"
        role="status"
        actions={
          <Button variant="primary" icon={Plus} onClick={onNew}>
            New destination
          </Button>
        }
      >
        A webhook or a mail address is told when an alert is raised and when it is over.
      </State>
    );
  }
  return (
    <div className={logs["list"]}>
      <table className={logs["table"]} aria-label="Destinations">
        <thead>
          <tr>
            <th scope="col">Destination</th>
            <th scope="col">State</th>
            <th scope="col">Told of</th>
            <th scope="col" className={logs["wide"]}>
              Added
            </th>
          </tr>
        </thead>
        <tbody>
          {query.data.map((destination) => (
            <Row key={destination.id} destination={destination} onOpen={onOpen} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ destination, onOpen }: { readonly destination: Destination; readonly onOpen: (id: string) => void }) {
  return (
    <tr>
      <td className={logs["lead"]}>
        <button type="button" className={styles["open"]} onClick={() => onOpen(destination.id)}>
          {targetOf(destination)}
        </button>
        <span className={logs["sub"]}>{destination.kind === "webhook" ? "Webhook" : "Mail"}</span>
      </td>
      <td className={logs["corner"]}>
        <Badge tone={destination.enabled ? "success" : "quiet"}>{destination.enabled ? "On" : "Off"}</Badge>
      </td>
      <td>{toldOf(destination)}</td>
      <td className={logs["wide"]} title={formatComplete(destination.createdAt)}>
        {formatDay(destination.createdAt)}
      </td>
    </tr>
  );
}

import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Pencil, RefreshCw, Send, Trash2 } from "lucide-react";
import { useState } from "react";
import { asApiError } from "@/api/errors";
import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Drawer, DrawerSection } from "@/components/drawer";
import { FailureState, Notice, SkeletonRows } from "@/components/states";
import { useToast } from "@/components/toast";
import { formatComplete, formatRelative, plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import styles from "./alerts.module.css";
import { EditDestinationDialog, RemoveDestinationDialog, RotateSecretDialog } from "./destination-dialogs";
import { deliveriesOptions, type Destination, destinationsChanged, type DestinationWithSecret, patchDestination, testDestination } from "./queries";
import { deliveryTone, eventInWords, outcomeInWords, targetOf, toldOf } from "./words";

interface PanelProps {
  readonly destination: Destination | undefined;
  readonly onSecret: (made: DestinationWithSecret) => void;
  readonly onClose: () => void;
}

export function DestinationPanel({ destination, onSecret, onClose }: PanelProps) {
  return (
    <Drawer title={destination?.kind === "email" ? "Mail" : "Webhook"} subtitle={destination && <code>{targetOf(destination)}</code>} isOpen={destination !== undefined} onClose={onClose}>
      {destination && (
        <>
          <About destination={destination} />
          <Deliveries id={destination.id} />
          <Deeds destination={destination} onSecret={onSecret} onClose={onClose} />
        </>
      )}
    </Drawer>
  );
}

function About({ destination }: { readonly destination: Destination }) {
  const test = useMutation({ mutationFn: () => testDestination(destination.id), onSettled: destinationsChanged });
  const turn = useMutation({ mutationFn: () => patchDestination(destination.id, { enabled: !destination.enabled }), onSuccess: destinationsChanged });
  const [isEditing, setIsEditing] = useState(false);
  const toast = useToast();
  const now = useNow();
  const overlap = destination.previousSecretExpiresAt;
  return (
    <DrawerSection title="About">
      <p className={styles["soft"]}>{destination.enabled ? `${toldOf(destination)}.` : "Turned off: it is told nothing."}</p>
      {overlap !== null && Date.parse(overlap) > now && <p className={styles["soft"]}>The signing secret before the present one works until {formatComplete(overlap)}.</p>}
      {test.isError && <Notice tone="danger">{asApiError(test.error).message}</Notice>}
      {test.data && (
        <Notice tone={test.data.status === "delivered" ? "success" : "danger"} role="status">
          {outcomeInWords(test.data)}
        </Notice>
      )}
      <div className={styles["buttons"]}>
        <Button icon={Send} busy={test.isPending} onClick={() => test.mutate()}>
          Send a test
        </Button>
        <Button icon={Pencil} onClick={() => setIsEditing(true)}>
          Edit
        </Button>
        <Button
          busy={turn.isPending}
          onClick={() => {
            turn.mutate(undefined, { onError: (error) => toast(asApiError(error).message, "danger") });
          }}
        >
          {destination.enabled ? "Turn off" : "Turn on"}
        </Button>
      </div>
      <EditDestinationDialog destination={destination} isOpen={isEditing} onClose={() => setIsEditing(false)} />
    </DrawerSection>
  );
}

function Deliveries({ id }: { readonly id: string }) {
  const now = useNow();
  const query = useInfiniteQuery(deliveriesOptions(id));
  const deliveries = query.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <DrawerSection title="Deliveries">
      {query.isPending ? (
        <SkeletonRows rows={3} label="Loading the deliveries" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : deliveries.length === 0 ? (
        <p className={styles["soft"]}>It has not been told anything yet.</p>
      ) : (
        <>
          <ul className={styles["list"]} aria-label="Deliveries">
            {deliveries.map((delivery) => (
              <li key={delivery.id} className={styles["item"]}>
                <span className={styles["head"]}>
                  <Badge tone={deliveryTone(delivery.status)}>{delivery.status}</Badge>
                  <span>{eventInWords(delivery.event)}</span>
                  <span className={styles["faint"]} title={`${formatComplete(delivery.createdAt)}, message ${delivery.messageId}`}>
                    {formatRelative(delivery.createdAt, now)}
                  </span>
                </span>
                <span className={styles["faint"]}>
                  {plural(delivery.attempts, "attempt")}
                  {delivery.statusCode !== null && `, answer ${String(delivery.statusCode)}`}
                  {delivery.nextAttemptAt !== null && `, next ${formatRelative(delivery.nextAttemptAt, now)}`}
                </span>
                {delivery.error !== null && <span className={styles["error"]}>{delivery.error}</span>}
              </li>
            ))}
          </ul>
          {query.hasNextPage && (
            <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Load more
            </Button>
          )}
        </>
      )}
    </DrawerSection>
  );
}

function Deeds({ destination, onSecret, onClose }: { readonly destination: Destination; readonly onSecret: PanelProps["onSecret"]; readonly onClose: () => void }) {
  const [asked, setAsked] = useState<"rotate" | "remove" | null>(null);
  const done = () => {
    setAsked(null);
  };
  return (
    <DrawerSection title={destination.kind === "webhook" ? "Secret and removal" : "Removal"}>
      <div className={styles["buttons"]}>
        {destination.kind === "webhook" && (
          <Button icon={RefreshCw} onClick={() => setAsked("rotate")}>
            Rotate secret
          </Button>
        )}
        <Button variant="danger" icon={Trash2} onClick={() => setAsked("remove")}>
          Remove
        </Button>
      </div>
      <RotateSecretDialog
        destination={destination}
        isOpen={asked === "rotate"}
        onClose={done}
        onRotated={(made) => {
          done();
          onSecret(made);
        }}
      />
      <RemoveDestinationDialog
        destination={destination}
        isOpen={asked === "remove"}
        onClose={done}
        onRemoved={() => {
          done();
          onClose();
        }}
      />
    </DrawerSection>
  );
}

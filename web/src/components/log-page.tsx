import { Download, type LucideIcon, SearchX, SquarePen } from "lucide-react";
import { type ReactNode, useState } from "react";
import { asApiError } from "@/api/errors";
import { saveBlob } from "@/lib/save-blob";
import { Button } from "./button";
import { FailureState, SkeletonRows, State } from "./states";
import { useToast } from "./toast";

/** Saves a log as a file of lines of JSON. */
export function ExportButton({ file, lines }: { readonly file: string; readonly lines: () => Promise<Blob> }) {
  const toast = useToast();
  const [busy, setBusy] = useState(false);
  async function save() {
    setBusy(true);
    try {
      saveBlob(await lines(), file);
    } catch (error) {
      toast(asApiError(error).message, "danger");
    }
    setBusy(false);
  }
  return (
    <Button icon={Download} busy={busy} title="All that the filters let through, one JSON document a line" onClick={() => void save()}>
      Export NDJSON
    </Button>
  );
}

/** What scrolls by the keyboard too, also when nothing in it takes the focus. */
export function ScrollArea({ label, className, children }: { readonly label: string; readonly className: string | undefined; readonly children: ReactNode }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the arrow keys have to reach what scrolls
    <div role="region" aria-label={label} tabIndex={0} className={className}>
      {children}
    </div>
  );
}

interface LogStateProps {
  readonly query: { readonly isPending: boolean; readonly error: unknown; readonly refetch: () => unknown };
  readonly isEmpty: boolean;
  readonly icon: LucideIcon;
  /** What a server that does not know the address does not keep. */
  readonly what: string;
  readonly onClearFilter?: (() => void) | undefined;
  readonly children: ReactNode;
}

/** A log, or why there is none to see. */
export function LogState({ query, isEmpty, icon, what, onClearFilter, children }: LogStateProps) {
  if (query.isPending) return <SkeletonRows label={`Loading the ${what}`} />;
  if (query.error !== null) {
    if (asApiError(query.error).failure === "notFound") {
      return (
        <State icon={SquarePen} title={`This server keeps no ${what}`} role="status">
          A later version does.
        </State>
      );
    }
    return <FailureState error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (!isEmpty) return children;
  return onClearFilter === undefined ? (
    <State icon={icon} title="Nothing recorded yet" role="status" />
  ) : (
    <State icon={SearchX} title="Nothing is recorded that fits" role="status" actions={<Button onClick={onClearFilter}>Show everything</Button>} />
  );
}

import { Button } from "@/components/button";
import { CodeBlock } from "@/components/copy";
import { DialogActions, DialogBox } from "@/components/dialog";
import { serverOrigin } from "@/config";
import { SnippetTabs } from "@/features/onboarding/onboarding";
import { formatComplete } from "@/lib/format";
import { keySnippets } from "./key-snippets";
import type { KeyWithSecret } from "./platform";
import { canRead, canSend, scopesInWords } from "./scopes";

interface SecretDialogProps {
  readonly created: KeyWithSecret | null;
  readonly onClose: () => void;
}

/** The secret, once, in every form in which it is likely to be wanted. */
export function SecretDialog({ created, onClose }: SecretDialogProps) {
  const previous = created?.previousSecret ?? null;
  return (
    <DialogBox title="Copy this key now" size="wide" isOpen={created !== null} isDismissable={false} onClose={onClose}>
      {created && (
        <>
          <p>
            “{created.name}” is shown only this once: {scopesInWords(created.scopes).toLowerCase()}, {created.projects === null ? "all projects" : created.projects.map((project) => project.name).join(", ")}.
            {previous !== null && ` The secret before it, ${previous.maskedKey}, works until ${formatComplete(previous.expiresAt)}.`}
          </p>
          <CodeBlock wrap code={created.key} label="key" />
          <SnippetTabs
            wrap
            label="Where to put it"
            snippets={keySnippets({
              endpoint: serverOrigin(),
              apiKey: created.key,
              project: created.projects?.[0]?.name ?? "default",
              reads: canRead(created.scopes),
              sends: canSend(created.scopes, created.role),
            })}
          />
        </>
      )}
      <DialogActions>
        <Button variant="primary" onClick={onClose}>
          I have copied it
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

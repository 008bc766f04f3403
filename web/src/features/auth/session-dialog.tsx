import { LogIn } from "lucide-react";
import { type SyntheticEvent, useRef, useState } from "react";
import { asApiError } from "@/api/errors";
import type { LossReason } from "@/api/session-loss";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Field } from "@/components/field";
import { config } from "@/config";
import { login } from "./login";
import { REFUSED, RefusalNotice, useRefusal } from "./refusal";

interface SessionDialogProps {
  readonly isOpen: boolean;
  readonly reason: LossReason;
  readonly email: string;
  readonly onSignedIn: () => Promise<void>;
  readonly onLeave: () => void;
}

/** Signing in over the page: what was typed there is still there afterwards. */
export default function SessionDialog({ isOpen, reason, email: known, onSignedIn, onLeave }: SessionDialogProps) {
  const [busy, setBusy] = useState(false);
  const refusal = useRefusal();
  const { say, wait } = refusal;
  const email = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent) {
    event.preventDefault();
    setBusy(true);
    say(null);
    const result = await login(email.current?.value.trim() ?? "", password.current?.value ?? "");
    switch (result.kind) {
      case "signedIn":
        try {
          await onSignedIn();
        } catch (error) {
          say(asApiError(error).message);
        }
        break;
      case "refused":
        say(REFUSED);
        password.current?.select();
        break;
      case "wait":
        wait(result.seconds);
        break;
      case "failed":
        say(result.message);
        break;
    }
    setBusy(false);
  }

  const leave = (
    <Button variant={config.basicAuthDisabled ? "primary" : "ghost"} onClick={onLeave}>
      Go to the sign-in page
    </Button>
  );

  return (
    <DialogBox title="Your session has ended" isOpen={isOpen} isDismissable={false} onClose={() => undefined}>
      {config.basicAuthDisabled ? (
        <>
          <p>Sign in again to go on. What you have typed on this page is lost with it.</p>
          <DialogActions>{leave}</DialogActions>
        </>
      ) : (
        <>
          <p>
            {reason === "deactivated"
              ? "Your account was deactivated. Once an administrator has let you in again, sign in here and go on where you are: what you have typed on this page is still there."
              : "It has expired, or it was ended from elsewhere: by you, or by an administrator who changed your account. Sign in again, and you go on where you are: what you have typed on this page is still there."}
          </p>
          <RefusalNotice refusal={refusal} />
          <form
            onSubmit={(event) => {
              void submit(event);
            }}
          >
            <Field ref={email} label="E-mail" name="email" type="text" inputMode="email" autoComplete="username" autoCapitalize="none" spellCheck={false} required defaultValue={known} autoFocus={known === ""} />
            <Field ref={password} label="Password" name="password" type="password" autoComplete="current-password" required autoFocus={known !== ""} />
            <DialogActions>
              {leave}
              <Button type="submit" variant="primary" icon={LogIn} busy={busy} disabled={refusal.waiting}>
                Sign in
              </Button>
            </DialogActions>
          </form>
        </>
      )}
    </DialogBox>
  );
}

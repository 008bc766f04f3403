import { useMutation, useQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { CodeBlock } from "@/components/copy";
import { DialogActions, DialogBox } from "@/components/dialog";
import { CheckField, ChoiceField, Field } from "@/components/field";
import { Notice } from "@/components/states";
import { useToast } from "@/components/toast";
import { config, serverOrigin } from "@/config";
import { generatePassword, passwordRules } from "@/features/auth/password";
import { PasswordRules } from "@/features/auth/password-rules";
import { type AssignableRole, roles } from "@/features/auth/roles";
import { serverOptions } from "@/features/auth/server";
import { createUser, deleteUser, type NewUser, patchUser, type User } from "./queries";
import { goesWith } from "./rules";

export const roleOptions = roles.map((role) => ({ value: role.name, label: role.label, text: role.text }));

/** A password that somebody has to be told, in the moment when it is known. */
export interface FreshPassword {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

interface CreateUserDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  /** With a password to tell, if one was generated. */
  readonly onCreated: (fresh: FreshPassword | null) => void;
}

export function CreateUserDialog({ isOpen, onClose, onCreated }: CreateUserDialogProps) {
  return (
    <DialogBox title="New user" isOpen={isOpen} isDismissable={false} onClose={onClose}>
      <CreateUserForm onClose={onClose} onCreated={onCreated} />
    </DialogBox>
  );
}

function CreateUserForm({ onClose, onCreated }: Omit<CreateUserDialogProps, "isOpen">) {
  const toast = useToast();
  const server = useQuery(serverOptions).data;
  const canMail = server?.password_reset_by_mail ?? config.passwordResetEmailEnabled;
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<AssignableRole>("MEMBER");
  const [source, setSource] = useState<"generated" | "typed">("generated");
  const [typed, setTyped] = useState("");
  const [welcome, setWelcome] = useState(true);
  const rules = passwordRules(server?.password_policy ?? "default", { next: typed });

  const mutation = useMutation({
    mutationFn: (input: NewUser) => createUser(input),
    onSuccess: (_, input) => {
      toast(`${input.username} was added.`);
      onCreated(source === "generated" ? { name: input.username, email: input.email, password: input.password ?? "" } : null);
    },
  });

  function submit(event: SyntheticEvent) {
    event.preventDefault();
    mutation.mutate({
      email: email.trim(),
      username: name.trim(),
      role,
      password: source === "generated" ? generatePassword() : typed,
      sendWelcomeEmail: canMail && welcome,
    });
  }

  return (
    <>
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        <Field label="Name" name="username" value={name} onChange={(event) => setName(event.target.value)} required autoFocus autoComplete="off" maxLength={200} pattern=".*\S.*" title="A name that is not only spaces" />
        <Field label="E-mail" name="email" type="email" value={email} onChange={(event) => setEmail(event.target.value)} required autoComplete="off" spellCheck={false} hint="They sign in with it." />
        <ChoiceField label="Role" name="role" value={role} options={roleOptions} onChange={setRole} />
        <ChoiceField
          label="First password"
          name="source"
          value={source}
          onChange={setSource}
          options={[
            { value: "generated", label: "Generate one", text: "Shown to you once, after this." },
            { value: "typed", label: "Type one" },
          ]}
          hint="Either way they have to choose their own when they first sign in."
        />
        {source === "typed" && (
          <>
            <Field label="Password" name="password" type="password" value={typed} onChange={(event) => setTyped(event.target.value)} required autoComplete="new-password" />
            <PasswordRules rules={rules} />
          </>
        )}
        {canMail && (
          <CheckField
            label="Send a welcome mail"
            name="welcome"
            checked={welcome}
            onChange={(event) => setWelcome(event.target.checked)}
            hint="It says where to sign in, not with which password."
          />
        )}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending} disabled={source === "typed" && !rules.every((rule) => rule.met)}>
            Add user
          </Button>
        </DialogActions>
      </form>
    </>
  );
}

export function PasswordShownOnce({ fresh, onClose }: { readonly fresh: FreshPassword | null; readonly onClose: () => void }) {
  return (
    <DialogBox title={`The password of ${fresh?.name ?? ""}`} isOpen={fresh !== null} isDismissable={false} onClose={onClose}>
      <p>It is shown only this once. Hand it over on a way that you trust; at the first sign-in it has to be changed.</p>
      <CodeBlock wrap code={fresh?.password ?? ""} label="password" />
      <p>Or everything that they need:</p>
      <CodeBlock wrap code={`${serverOrigin()}/login\nE-mail: ${fresh?.email ?? ""}\nPassword: ${fresh?.password ?? ""}`} label="sign-in details" />
      <DialogActions>
        <Button variant="primary" onClick={onClose}>
          I have copied it
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

interface AskDialogProps {
  readonly user: User;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

export function ResetPasswordDialog({ user, isOpen, onClose, onDone }: Omit<AskDialogProps, "onDone"> & { readonly onDone: (fresh: FreshPassword) => void }) {
  const mutation = useMutation({
    mutationFn: (newPassword: string) => patchUser(user.id, { newPassword }),
    onSuccess: (_, password) => {
      onDone({ name: user.username, email: user.email ?? "", password });
    },
  });
  return (
    <DialogBox
      title={`Reset the password of ${user.username}?`}
      role="alertdialog"
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>A new password is made and shown to you once. The old one stops working, all their sessions end, and they have to choose a password of their own when they sign in. Their API keys go on working.</p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Cancel
        </Button>
        <Button
          variant="danger"
          busy={mutation.isPending}
          onClick={() => {
            mutation.mutate(generatePassword());
          }}
        >
          Reset password
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

export function DeactivateDialog({ user, isOpen, onClose, onDone }: AskDialogProps) {
  const toast = useToast();
  const mutation = useMutation({
    mutationFn: () => patchUser(user.id, { isActive: false }),
    onSuccess: () => {
      toast(`${user.username} was deactivated.`);
      onDone();
    },
  });
  return (
    <DialogBox
      title={`Deactivate ${user.username}?`}
      role="alertdialog"
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>They are signed out everywhere and cannot sign in, and their API keys are refused, until you reactivate them. Nothing is deleted.</p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Cancel
        </Button>
        <Button
          variant="danger"
          busy={mutation.isPending}
          onClick={() => {
            mutation.mutate();
          }}
        >
          Deactivate
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

interface DeleteDialogProps extends AskDialogProps {
  readonly sessionCount: number | null;
}

export function DeleteDialog({ user, isOpen, sessionCount, onClose, onDone }: DeleteDialogProps) {
  const toast = useToast();
  const mutation = useMutation({
    mutationFn: () => deleteUser(user.id),
    onSuccess: () => {
      toast(`${user.username} was deleted.`);
      onDone();
    },
  });
  return (
    <DialogBox
      title={`Delete ${user.username}?`}
      role="alertdialog"
      isOpen={isOpen}
      onClose={() => {
        mutation.reset();
        onClose();
      }}
    >
      {mutation.isError && <Notice tone="danger">{asApiError(mutation.error).message}</Notice>}
      <p>
        <strong>Goes with it, at once:</strong> {goesWith(user.apiKeyCount, sessionCount)}
      </p>
      <p>
        <strong>Stays:</strong> all projects, traces and what was written to them, and system keys, whoever made them.
      </p>
      <p>This cannot be undone. To keep somebody out for a while, deactivate them instead.</p>
      <DialogActions>
        <Button autoFocus onClick={onClose}>
          Cancel
        </Button>
        <Button
          variant="danger"
          busy={mutation.isPending}
          onClick={() => {
            mutation.mutate();
          }}
        >
          Delete user
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

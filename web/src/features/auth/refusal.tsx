import { useEffect, useState } from "react";
import { Notice } from "@/components/states";
import { plural } from "@/lib/format";

/** The server does not tell a wrong password from a closed door, and neither may this. */
export const REFUSED = "This e-mail address and password do not belong together, or the account is deactivated.";

export function waitText(seconds: number | null): string {
  if (seconds === null) return "Wait a few minutes and try again.";
  if (seconds <= 0) return "Try again now.";
  return `Try again in ${seconds > 90 ? plural(Math.ceil(seconds / 60), "minute") : plural(seconds, "second")}.`;
}

interface Refusal {
  /** Why the last attempt failed. */
  readonly problem: string | null;
  /** Whether the server has asked for patience, and for how long still. */
  readonly patience: { readonly left: number | null } | null;
  /** Whether it is too early to try again. */
  readonly waiting: boolean;
  readonly say: (problem: string | null) => void;
  readonly wait: (seconds: number | null) => void;
}

/** Why a form was refused, and until when it need not be tried again. */
export function useRefusal(): Refusal {
  const [problem, setProblem] = useState<string | null>(null);
  const [patience, setPatience] = useState<Refusal["patience"]>(null);
  const [until, setUntil] = useState<number | null>(null);

  useEffect(() => {
    if (until === null) return;
    const timer = setInterval(() => {
      const left = Math.ceil((until - Date.now()) / 1000);
      setPatience({ left: Math.max(0, left) });
      if (left <= 0) setUntil(null);
    }, 250);
    return () => {
      clearInterval(timer);
    };
  }, [until]);

  return {
    problem,
    patience,
    waiting: until !== null,
    say: (text) => {
      setProblem(text);
      setPatience(null);
      setUntil(null);
    },
    wait: (seconds) => {
      setProblem("Too many attempts.");
      setPatience({ left: seconds });
      setUntil(seconds === null ? null : Date.now() + seconds * 1000);
    },
  };
}

/** Announced once; the seconds that go by are only seen. */
export function RefusalNotice({ refusal: { problem, patience } }: { readonly refusal: Pick<Refusal, "problem" | "patience"> }) {
  if (problem === null) return null;
  return (
    <Notice tone="danger">
      {problem}
      {patience !== null && (
        <span role="timer" aria-live="off">
          {" "}
          {waitText(patience.left)}
        </span>
      )}
    </Notice>
  );
}

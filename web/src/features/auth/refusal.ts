import { useEffect, useState } from "react";
import { plural } from "@/lib/format";

export function waitText(seconds: number | null): string {
  if (seconds === null) return "Too many attempts. Wait a few minutes and try again.";
  return `Too many attempts. Try again in ${seconds > 90 ? plural(Math.ceil(seconds / 60), "minute") : plural(seconds, "second")}.`;
}

interface Refusal {
  /** Why the last attempt failed. */
  readonly problem: string | null;
  /** Whether the server has asked for patience that is not over yet. */
  readonly waiting: boolean;
  readonly say: (problem: string | null) => void;
  readonly wait: (seconds: number | null) => void;
}

/** Why a form was refused, and until when it need not be tried again. */
export function useRefusal(): Refusal {
  const [problem, say] = useState<string | null>(null);
  const [waitUntil, setWaitUntil] = useState<number | null>(null);

  useEffect(() => {
    if (waitUntil === null) return;
    const timer = setTimeout(
      () => {
        setWaitUntil(null);
        say(null);
      },
      Math.max(0, waitUntil - Date.now()),
    );
    return () => {
      clearTimeout(timer);
    };
  }, [waitUntil]);

  return {
    problem,
    waiting: waitUntil !== null,
    say,
    wait: (seconds) => {
      say(waitText(seconds));
      if (seconds !== null) setWaitUntil(Date.now() + seconds * 1000);
    },
  };
}

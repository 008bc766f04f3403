import { isAdmin, type Viewer } from "@/features/auth/session";

/** Who looks: null when the server runs without authentication, undefined while it is not known. */
type Looker = Viewer | null | undefined;

interface Said {
  readonly user: { readonly id: string } | null;
}

/** Whether one may annotate: viewers read, everybody else writes. */
export function mayAnnotate(looker: Looker): boolean {
  return looker === null || (looker !== undefined && looker.role.name !== "VIEWER");
}

/** Everybody changes what they said themselves; without authentication nobody is told apart. */
export function mayEdit(looker: Looker, said: Said): boolean {
  return mayAnnotate(looker) && (looker === null || said.user?.id === looker?.id);
}

/** Administrators take away what others said, too. */
export function mayDelete(looker: Looker, said: Said): boolean {
  return mayEdit(looker, said) || (mayAnnotate(looker) && isAdmin(looker));
}

const kinds: Readonly<Record<string, string>> = { HUMAN: "Person", LLM: "LLM", CODE: "Code" };

export function kindInWords(kind: string): string {
  return kinds[kind] ?? kind;
}

/** Three digits after the point, and none that say nothing. */
export function scoreInWords(score: number): string {
  return new Intl.NumberFormat("en", { maximumFractionDigits: 3, maximumSignificantDigits: 6, roundingPriority: "lessPrecision" }).format(score);
}

/** Reads a score as people type it: null for none, undefined for what is no number. */
export function readScore(text: string): number | null | undefined {
  const plain = text.trim().replace(",", ".");
  if (plain === "") return null;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) && Number.isFinite(Number(plain)) ? Number(plain) : undefined;
}

/** Why a form cannot be sent; null when it can. */
export function refusalOf(form: { readonly name: string; readonly label: string; readonly score: string; readonly explanation: string }): string | null {
  const name = form.name.trim();
  if (name === "") return "A name is needed.";
  if (name === "note") return "The name “note” is kept for notes.";
  if (readScore(form.score) === undefined) return "The score is not a number.";
  if (form.label.trim() === "" && form.score.trim() === "" && form.explanation.trim() === "") return "Give a label, a score or an explanation.";
  return null;
}

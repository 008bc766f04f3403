export type PasswordPolicy = "default" | "strong";

export interface Rule {
  readonly text: string;
  readonly met: boolean;
}

interface Entries {
  readonly next: string;
  /** The second entry, where the form has one. */
  readonly repeated?: string;
  /** The password until now, where the form asks for it. */
  readonly current?: string;
}

/** What the server demands of a password, and what the form does. */
export function passwordRules(policy: PasswordPolicy, { next, repeated, current }: Entries): Rule[] {
  const strong = policy === "strong";
  return [
    strong
      ? { text: "At least 12 characters", met: next.length >= 12 }
      : { text: "At least 4 characters, better 12 or more", met: next.length >= 4 },
    { text: "No spaces, and only ASCII characters", met: next !== "" && /^[\x21-\x7e]+$/.test(next) },
    ...(strong
      ? [
          { text: "A small letter, a capital letter and a digit", met: /[a-z]/.test(next) && /[A-Z]/.test(next) && /\d/.test(next) },
          { text: "One of !@#$%^&*()_+", met: /[!@#$%^&*()_+]/.test(next) },
        ]
      : []),
    ...(current === undefined ? [] : [{ text: "Different from the current password", met: next !== "" && next !== current }]),
    ...(repeated === undefined ? [] : [{ text: "Both entries are the same", met: next !== "" && next === repeated }]),
  ];
}

// Without those that are easily taken for one another: 0 and O, 1 and l and I.
const ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const GROUPS = 4;
const GROUP_LENGTH = 5;

/** A password that fits every policy and can still be read out: four groups of five, some 115 bits. */
export function generatePassword(fill: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = (bytes) => crypto.getRandomValues(bytes)): string {
  // Bytes beyond the largest multiple would favour the first letters.
  const limit = 256 - (256 % ALPHABET.length);
  for (;;) {
    const letters: string[] = [];
    while (letters.length < GROUPS * GROUP_LENGTH) {
      for (const byte of fill(new Uint8Array(32))) {
        if (byte < limit && letters.length < GROUPS * GROUP_LENGTH) letters.push(ALPHABET.charAt(byte % ALPHABET.length));
      }
    }
    const password = Array.from({ length: GROUPS }, (_, i) => letters.slice(i * GROUP_LENGTH, (i + 1) * GROUP_LENGTH).join("")).join("_");
    if (passwordRules("strong", { next: password }).every((rule) => rule.met)) return password;
  }
}

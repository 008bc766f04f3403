export interface Rule {
  readonly text: string;
  readonly met: boolean;
}

/** What every server demands; a stricter policy is the server's to tell. */
export function passwordRules(current: string, next: string, repeated: string): Rule[] {
  return [
    { text: "At least 4 characters, better 12 or more", met: next.length >= 4 },
    { text: "No spaces, and only ASCII characters", met: next !== "" && /^[\x21-\x7e]+$/.test(next) },
    { text: "Different from the current password", met: next !== "" && next !== current },
    { text: "Both entries are the same", met: next !== "" && next === repeated },
  ];
}

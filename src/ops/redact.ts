/** Takes secrets out of a text. */
export type Redactor = (text: string) => string;

/** Shorter texts are too likely to be part of an innocent word; they protect nothing either. */
const SHORTEST = 4;

/**
 * Makes a redactor for the given secrets. It knows each of them as it is, as JSON and URLs escape it, and the lines of a
 * PEM one by one.
 */
export function redactor(secrets: readonly string[]): Redactor {
  const forms = new Set<string>();
  for (const secret of secrets) {
    const parts = secret.includes("\n") ? secret.split(/\r?\n/).filter((line) => !line.startsWith("-----")) : [];
    for (const part of [secret, ...parts]) {
      for (const form of [part, JSON.stringify(part).slice(1, -1), encodeURIComponent(part)]) {
        if (form.trim().length >= SHORTEST) forms.add(form);
      }
    }
  }
  if (forms.size === 0) return (text) => text;
  // The longest first: a secret that contains another one is masked whole.
  const alternatives = [...forms].sort((a, b) => b.length - a.length).map((form) => RegExp.escape(form));
  const pattern = new RegExp(alternatives.join("|"), "g");
  return (text) => text.replace(pattern, "[secret]");
}

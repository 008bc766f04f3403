import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { cx } from "@/lib/cx";
import styles from "./copy.module.css";

/** Copies where the clipboard API exists only on secure pages, and on plain http too. */
async function copyText(text: string): Promise<void> {
  const clipboard = (navigator as { clipboard?: Clipboard }).clipboard;
  if (clipboard) {
    await clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy"); // eslint-disable-line @typescript-eslint/no-deprecated -- the only way without a secure context
  area.remove();
}

function useCopy(): [boolean, (text: string) => void] {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => {
      setCopied(false);
    }, 1600);
    return () => {
      clearTimeout(timer);
    };
  }, [copied]);
  return [
    copied,
    (text) => {
      copyText(text).then(
        () => {
          setCopied(true);
        },
        () => undefined,
      );
    },
  ];
}

export function CopyButton({ text, label, className }: { readonly text: string | (() => string); readonly label: string; readonly className?: string | undefined }) {
  const [copied, copy] = useCopy();
  return (
    <button
      type="button"
      className={cx(styles["copy"], copied && styles["done"], className)}
      aria-label={copied ? "Copied" : label}
      title={copied ? "Copied" : label}
      onClick={(event) => {
        event.stopPropagation();
        copy(typeof text === "string" ? text : text());
      }}
    >
      {copied ? <Check size={13} aria-hidden="true" /> : <Copy size={13} aria-hidden="true" />}
    </button>
  );
}

/** An id that copies itself. */
export function CopyableId({ value, label, length = 8 }: { readonly value: string; readonly label: string; readonly length?: number }) {
  const [copied, copy] = useCopy();
  return (
    <button
      type="button"
      className={cx(styles["id"], "mono")}
      title={`${label}: ${value}`}
      aria-label={copied ? "Copied" : `Copy ${label} ${value}`}
      onClick={() => {
        copy(value);
      }}
    >
      {value.length > length ? value.slice(0, length) : value}
      {copied ? <Check size={12} aria-hidden="true" /> : <Copy size={12} aria-hidden="true" />}
    </button>
  );
}

export function CodeBlock({ code, label, wrap = false }: { readonly code: string; readonly label: string; readonly wrap?: boolean }) {
  return (
    <div className={cx(styles["block"], wrap && styles["wrap"])}>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <pre tabIndex={0} aria-label={label}>
        <code>{code}</code>
      </pre>
      <CopyButton text={code} label={`Copy ${label}`} className={styles["corner"]} />
    </div>
  );
}

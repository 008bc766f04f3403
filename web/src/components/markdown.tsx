import { type ReactNode, useMemo } from "react";
import { type Block, type Inline, parseInline, parseMarkdown } from "./markdown-parse";
import styles from "./markdown.module.css";

/** The markdown that models write, as elements; markup inside stays text. */
export function Markdown({ text }: { readonly text: string }) {
  const blocks = useMemo(() => parseMarkdown(text), [text]);
  return <div className={styles["markdown"]}>{blocks.map((block, i) => renderBlock(block, i))}</div>;
}

function renderBlock(block: Block, key: number): ReactNode {
  switch (block.kind) {
    case "heading":
      return (
        <p key={key} className={styles["heading"]} data-level={Math.min(block.level, 4)}>
          {inlines(block.text)}
        </p>
      );
    case "code":
      return (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
        <pre key={key} tabIndex={0}>
          <code>{block.text}</code>
        </pre>
      );
    case "quote":
      return <blockquote key={key}>{inlines(block.text)}</blockquote>;
    case "list": {
      const items = block.items.map((item, i) => <li key={i}>{inlines(item)}</li>);
      return block.ordered ? (
        <ol key={key} start={block.start}>
          {items}
        </ol>
      ) : (
        <ul key={key}>{items}</ul>
      );
    }
    case "rule":
      return <hr key={key} />;
    case "paragraph":
      return <p key={key}>{inlines(block.text)}</p>;
  }
}

function inlines(text: string): ReactNode[] {
  return parseInline(text).map((part: Inline, i) => {
    switch (part.kind) {
      case "code":
        return <code key={i}>{part.text}</code>;
      case "strong":
        return <strong key={i}>{part.text}</strong>;
      case "em":
        return <em key={i}>{part.text}</em>;
      case "link":
        return (
          <a key={i} href={part.href} target="_blank" rel="noreferrer noopener">
            {part.text}
          </a>
        );
      case "text":
        return part.text;
    }
  });
}

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState, type Extension, Prec } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

const look = EditorView.theme({
  "&": { height: "100%", backgroundColor: "transparent", color: "var(--text)", fontSize: "var(--t-12)" },
  "&.cm-focused": { outline: "none" },
  "&.cm-focused .cm-scroller": { boxShadow: "inset 2px 0 0 var(--focus)" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.65", overflow: "auto" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--accent)" },
  ".cm-cursor": { borderLeftColor: "var(--accent)" },
  ".cm-gutters": { backgroundColor: "transparent", border: "0", color: "var(--text-faint)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "light-dark(#fbd9c5, #5a2a15)" },
  ".cm-tooltip": { backgroundColor: "var(--surface-raised)", border: "0", borderRadius: "var(--r-2)", boxShadow: "var(--shadow-pop)", color: "var(--text)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--active)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--text-faint)", fontStyle: "normal" },
  ".cm-placeholder": { color: "var(--text-faint)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--active)", border: "0", color: "var(--text-soft)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--active)", outline: "none" },
});

const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.definitionKeyword], color: "var(--code-atom)" },
  { tag: [tags.propertyName, tags.attributeName], color: "var(--code-key)" },
  { tag: [tags.variableName, tags.special(tags.variableName)], color: "var(--code-number)" },
  { tag: [tags.typeName, tags.className, tags.atom, tags.bool, tags.null], color: "var(--code-atom)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--text-faint)" },
  { tag: [tags.punctuation, tags.bracket], color: "var(--text-soft)" },
]);

const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";

const common: Extension = [
  EditorView.cspNonce.of(nonce),
  look,
  syntaxHighlighting(colors),
  history(),
  foldGutter(),
  drawSelection(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  autocompletion(),
  EditorView.lineWrapping,
  keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap]),
];

interface EditorProps {
  readonly label: string;
  readonly value: string;
  readonly extensions: Extension;
  readonly hint?: string;
  readonly onChange?: (value: string) => void;
  readonly onRun?: () => void;
  readonly onReady?: (view: EditorView) => void;
}

/** A text editor; read-only when nobody listens for changes. Escape, then Tab, leaves it. */
export function Editor(props: EditorProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    if (!box.current) return;
    const { label, value, extensions, hint, onChange } = latest.current;
    const isReadOnly = onChange === undefined;
    const created = new EditorView({
      parent: box.current,
      doc: value,
      extensions: [
        Prec.highest(
          keymap.of([
            {
              key: "Mod-Enter",
              run: () => {
                latest.current.onRun?.();
                return true;
              },
            },
          ]),
        ),
        common,
        isReadOnly ? [EditorState.readOnly.of(true)] : [lineNumbers(), highlightActiveLine(), keymap.of([indentWithTab])],
        hint ? placeholder(hint) : [],
        EditorView.contentAttributes.of({ "aria-label": label }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) latest.current.onChange?.(update.state.doc.toString());
        }),
        extensions,
      ],
    });
    view.current = created;
    latest.current.onReady?.(created);
    // Lines wrap differently once the typeface is there.
    void document.fonts.ready.then(() => {
      created.requestMeasure();
    });
    return () => {
      created.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    const current = view.current;
    if (!current || current.state.doc.toString() === props.value) return;
    current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: props.value } });
  }, [props.value]);

  return <div ref={box} style={{ height: "100%", minHeight: 0, overflow: "hidden" }} />;
}

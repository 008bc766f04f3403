import {
  ArrowDownWideNarrow,
  BookOpenText,
  Bot,
  CircleDashed,
  ClipboardCheck,
  Link2,
  type LucideIcon,
  MessageSquareText,
  ShieldCheck,
  Split,
  TextQuote,
  Waypoints,
  Wrench,
} from "lucide-react";
import styles from "./kind.module.css";

interface Kind {
  readonly label: string;
  readonly icon: LucideIcon;
  readonly color: string;
}

const unknown: Kind = { label: "Span", icon: CircleDashed, color: "var(--kind-chain)" };

const kinds: Readonly<Record<string, Kind>> = {
  llm: { label: "LLM", icon: MessageSquareText, color: "var(--kind-llm)" },
  agent: { label: "Agent", icon: Bot, color: "var(--kind-agent)" },
  chain: { label: "Chain", icon: Link2, color: "var(--kind-chain)" },
  tool: { label: "Tool", icon: Wrench, color: "var(--kind-tool)" },
  retriever: { label: "Retriever", icon: BookOpenText, color: "var(--kind-retriever)" },
  embedding: { label: "Embedding", icon: Waypoints, color: "var(--kind-embedding)" },
  reranker: { label: "Reranker", icon: ArrowDownWideNarrow, color: "var(--kind-reranker)" },
  evaluator: { label: "Evaluator", icon: ClipboardCheck, color: "var(--kind-evaluator)" },
  guardrail: { label: "Guardrail", icon: ShieldCheck, color: "var(--kind-guardrail)" },
  prompt: { label: "Prompt", icon: TextQuote, color: "var(--kind-prompt)" },
  decision: { label: "Decision", icon: Split, color: "var(--kind-guardrail)" },
};

export function kindOf(name: string | null | undefined): Kind {
  return kinds[name?.toLowerCase() ?? ""] ?? unknown;
}

export function KindIcon({ kind, size = 18 }: { readonly kind: string | null | undefined; readonly size?: number }) {
  const { icon: Icon, label, color } = kindOf(kind);
  return (
    <span className={styles["icon"]} style={{ color, width: size, height: size }} title={label}>
      <Icon size={Math.round(size * 0.66)} aria-hidden="true" strokeWidth={2.2} />
      <span className="visually-hidden">{label}</span>
    </span>
  );
}

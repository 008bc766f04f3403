import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { Field, TextAreaField } from "@/components/field";
import { Notice } from "@/components/states";
import { type Annotation, annotationsChanged, createAnnotation, patchAnnotation } from "./queries";
import styles from "./annotations.module.css";
import { readScore, refusalOf } from "./words";

interface AnnotationDialogProps {
  readonly spanId: string;
  /** The one to change; null for a new one, undefined for none. */
  readonly annotation: Annotation | null | undefined;
  readonly onClose: () => void;
}

export function AnnotationDialog({ spanId, annotation, onClose }: AnnotationDialogProps) {
  return (
    <DialogBox title={annotation ? "Change annotation" : "New annotation"} isOpen={annotation !== undefined} onClose={onClose}>
      {annotation !== undefined && <AnnotationForm spanId={spanId} annotation={annotation} onClose={onClose} />}
    </DialogBox>
  );
}

function AnnotationForm({ spanId, annotation, onClose }: AnnotationDialogProps & { readonly annotation: Annotation | null }) {
  const [form, setForm] = useState({
    name: annotation?.name ?? "",
    label: annotation?.label ?? "",
    score: annotation?.score?.toString() ?? "",
    explanation: annotation?.explanation ?? "",
  });
  const [refusal, setRefusal] = useState<string | null>(null);
  const mutation = useMutation({
    mutationFn: async () => {
      const said = { name: form.name.trim(), label: form.label.trim() || null, score: readScore(form.score) ?? null, explanation: form.explanation.trim() || null };
      await (annotation ? patchAnnotation(annotation.id, said) : createAnnotation(spanId, said));
    },
    onSuccess: () => {
      annotationsChanged(spanId);
      onClose();
    },
  });
  function submit(event: SyntheticEvent) {
    event.preventDefault();
    const found = refusalOf(form);
    setRefusal(found);
    if (found === null) mutation.mutate();
  }
  const change = (name: keyof typeof form) => (event: { target: { value: string } }) => {
    setForm({ ...form, [name]: event.target.value });
  };
  return (
    <>
      {(refusal !== null || mutation.isError) && <Notice tone="danger">{refusal ?? asApiError(mutation.error).message}</Notice>}
      <form onSubmit={submit}>
        <Field label="Name" name="name" value={form.name} onChange={change("name")} required autoFocus={annotation === null} autoComplete="off" maxLength={200} placeholder="What is judged, as “correctness”" />
        <div className={styles["pair"]}>
          <Field label="Label" name="label" value={form.label} onChange={change("label")} autoComplete="off" maxLength={500} placeholder="good" />
          <Field label="Score" name="score" value={form.score} onChange={change("score")} autoComplete="off" inputMode="decimal" maxLength={40} placeholder="0.9" />
        </div>
        <TextAreaField label="Explanation" name="explanation" value={form.explanation} onChange={change("explanation")} rows={4} maxLength={10_000} />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={mutation.isPending}>
            {annotation ? "Save" : "Annotate"}
          </Button>
        </DialogActions>
      </form>
    </>
  );
}

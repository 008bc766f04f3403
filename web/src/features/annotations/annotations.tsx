import { useMutation, useQuery } from "@tanstack/react-query";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { asApiError } from "@/api/errors";
import { Badge } from "@/components/badge";
import { Button, IconButton } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { TextAreaField } from "@/components/field";
import { FailureState, SkeletonRows } from "@/components/states";
import { useToast } from "@/components/toast";
import { viewerOptions } from "@/features/auth/session";
import { formatComplete, formatRelative } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { AnnotationDialog } from "./annotation-form";
import styles from "./annotations.module.css";
import { addNote, type Annotation, annotationsChanged, annotationsOptions, deleteAnnotation, type Note } from "./queries";
import { kindInWords, mayAnnotate, mayDelete, mayEdit, scoreInWords } from "./words";

/** What people and evaluators say of a span, and what people write beside it. */
export function SpanAnnotations({ spanId }: { readonly spanId: string }) {
  const query = useQuery(annotationsOptions(spanId));
  const viewer = useQuery(viewerOptions).data;
  const [edited, setEdited] = useState<Annotation | null | undefined>(undefined);
  const [doomed, setDoomed] = useState<Annotation | Note | null>(null);
  if (query.isPending) return <SkeletonRows rows={3} label="Loading annotations" />;
  if (query.isError) return <FailureState error={query.error} what="annotations" onRetry={() => void query.refetch()} />;
  const { spanAnnotations: annotations, spanNotes: notes } = query.data;
  const writes = mayAnnotate(viewer);
  return (
    <>
      <section aria-label="Annotations" className={styles["section"]}>
        <header className={styles["head"]}>
          <h3>Annotations</h3>
          {writes && (
            <Button
              icon={Plus}
              onClick={() => {
                setEdited(null);
              }}
            >
              Annotate
            </Button>
          )}
        </header>
        {annotations.length === 0 ? (
          <p className={styles["none"]}>Nobody has judged this span yet.</p>
        ) : (
          <ul className={styles["list"]}>
            {annotations.map((one) => (
              <AnnotationItem
                key={one.id}
                annotation={one}
                onEdit={
                  mayEdit(viewer, one)
                    ? () => {
                        setEdited(one);
                      }
                    : null
                }
                onDelete={
                  mayDelete(viewer, one)
                    ? () => {
                        setDoomed(one);
                      }
                    : null
                }
              />
            ))}
          </ul>
        )}
      </section>
      <section aria-label="Notes" className={styles["section"]}>
        <header className={styles["head"]}>
          <h3>Notes</h3>
        </header>
        {notes.length === 0 && <p className={styles["none"]}>No notes.</p>}
        {notes.length > 0 && (
          <ol className={styles["thread"]}>
            {notes.map((one) => (
              <NoteItem
                key={one.id}
                note={one}
                onDelete={
                  mayDelete(viewer, one)
                    ? () => {
                        setDoomed(one);
                      }
                    : null
                }
              />
            ))}
          </ol>
        )}
        {writes && <NoteForm spanId={spanId} />}
      </section>
      <AnnotationDialog
        spanId={spanId}
        annotation={edited}
        onClose={() => {
          setEdited(undefined);
        }}
      />
      <DeleteDialog
        spanId={spanId}
        said={doomed}
        onClose={() => {
          setDoomed(null);
        }}
      />
    </>
  );
}

function WhoAndWhen({ user, at }: { readonly user: Note["user"]; readonly at: string }) {
  const now = useNow();
  return (
    <span className={styles["when"]}>
      {user && `${user.username}, `}
      <time dateTime={at} title={formatComplete(at)}>
        {formatRelative(at, now)}
      </time>
    </span>
  );
}

interface AnnotationItemProps {
  readonly annotation: Annotation;
  readonly onEdit: (() => void) | null;
  readonly onDelete: (() => void) | null;
}

function AnnotationItem({ annotation, onEdit, onDelete }: AnnotationItemProps) {
  const { name, label, score, explanation, annotatorKind, user, updatedAt } = annotation;
  return (
    <li className={styles["item"]}>
      <div className={styles["line"]}>
        <strong className={styles["name"]}>{name || "(no name)"}</strong>
        {label !== null && <Badge tone="accent">{label}</Badge>}
        {score !== null && <span className={styles["score"]}>{scoreInWords(score)}</span>}
        <Badge>{kindInWords(annotatorKind)}</Badge>
        <span className={styles["buttons"]}>
          {onEdit && <IconButton icon={Pencil} label={`Change ${name}`} onClick={onEdit} />}
          {onDelete && <IconButton icon={Trash2} label={`Delete ${name}`} onClick={onDelete} />}
        </span>
      </div>
      {explanation && <p className={styles["text"]}>{explanation}</p>}
      <WhoAndWhen user={user} at={updatedAt} />
    </li>
  );
}

function NoteItem({ note, onDelete }: { readonly note: Note; readonly onDelete: (() => void) | null }) {
  return (
    <li className={styles["note"]}>
      <div className={styles["line"]}>
        <WhoAndWhen user={note.user} at={note.createdAt} />
        <span className={styles["buttons"]}>{onDelete && <IconButton icon={Trash2} label="Delete note" onClick={onDelete} />}</span>
      </div>
      <p className={styles["text"]}>{note.explanation}</p>
    </li>
  );
}

function NoteForm({ spanId }: { readonly spanId: string }) {
  const toast = useToast();
  const [text, setText] = useState("");
  const mutation = useMutation({
    mutationFn: () => addNote(spanId, text.trim()),
    onSuccess: () => {
      setText("");
      annotationsChanged(spanId);
    },
    onError: (error) => {
      toast(asApiError(error).message, "danger");
    },
  });
  function submit(event: SyntheticEvent) {
    event.preventDefault();
    if (text.trim() !== "") mutation.mutate();
  }
  return (
    <form onSubmit={submit} className={styles["noteForm"]}>
      <TextAreaField
        label="Add a note"
        name="note"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
        }}
        rows={2}
        maxLength={10_000}
      />
      <Button type="submit" busy={mutation.isPending} disabled={text.trim() === ""}>
        Add note
      </Button>
    </form>
  );
}

interface DeleteDialogProps {
  readonly spanId: string;
  readonly said: Annotation | Note | null;
  readonly onClose: () => void;
}

function DeleteDialog({ spanId, said, onClose }: DeleteDialogProps) {
  const toast = useToast();
  const what = said !== null && "name" in said ? `the annotation “${said.name}”` : "the note";
  const mutation = useMutation({
    mutationFn: deleteAnnotation,
    onSuccess: () => {
      annotationsChanged(spanId);
      onClose();
    },
    onError: (error) => {
      toast(asApiError(error).message, "danger");
    },
  });
  return (
    <DialogBox title="Delete for good?" isOpen={said !== null} onClose={onClose} role="alertdialog">
      <p>This deletes {what} for everybody. It cannot be undone.</p>
      <DialogActions>
        <Button onClick={onClose} autoFocus>
          Cancel
        </Button>
        <Button
          variant="danger"
          busy={mutation.isPending}
          onClick={() => {
            if (said !== null) mutation.mutate(said.id);
          }}
        >
          Delete
        </Button>
      </DialogActions>
    </DialogBox>
  );
}

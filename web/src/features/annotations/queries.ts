import { queryOptions } from "@tanstack/react-query";
import { ApiError } from "@/api/errors";
import { execute, graphql, type ResultOf, type VariablesOf } from "@/api/graphql";
import { queryClient } from "@/api/query-client";

const AnnotationsQuery = graphql(`
  query SpanAnnotations($id: ID!) {
    node(id: $id) {
      __typename
      ... on Span {
        spanAnnotations {
          id
          name
          label
          score
          explanation
          annotatorKind
          source
          identifier
          updatedAt
          user {
            id
            username
          }
        }
        spanNotes {
          id
          explanation
          createdAt
          user {
            id
            username
          }
        }
      }
    }
  }
`);

type Annotated = Extract<ResultOf<typeof AnnotationsQuery>["node"], { __typename: "Span" }>;
export type Annotation = Annotated["spanAnnotations"][number];
export type Note = Annotated["spanNotes"][number];

const key = (spanId: string) => ["span", spanId, "annotations"];

/** What is said of a span. */
export function annotationsOptions(spanId: string) {
  return queryOptions({
    queryKey: key(spanId),
    queryFn: async ({ signal }): Promise<Pick<Annotated, "spanAnnotations" | "spanNotes">> => {
      const { node } = await execute(AnnotationsQuery, { id: spanId }, signal);
      if (node.__typename !== "Span") throw new ApiError("notFound", "Not a span.");
      return node;
    },
  });
}

export function annotationsChanged(spanId: string): void {
  void queryClient.invalidateQueries({ queryKey: key(spanId) });
}

const CreateMutation = graphql(`
  mutation CreateSpanAnnotation($input: CreateSpanAnnotationInput!) {
    createSpanAnnotations(input: [$input]) {
      spanAnnotations {
        id
      }
    }
  }
`);

type NewAnnotation = Pick<VariablesOf<typeof CreateMutation>["input"], "name" | "label" | "score" | "explanation">;

export async function createAnnotation(spanId: string, said: NewAnnotation): Promise<void> {
  await execute(CreateMutation, { input: { ...said, spanId, annotatorKind: "HUMAN", source: "APP", metadata: {} } });
}

const PatchMutation = graphql(`
  mutation PatchSpanAnnotation($input: PatchAnnotationInput!) {
    patchSpanAnnotations(input: [$input]) {
      spanAnnotations {
        id
      }
    }
  }
`);

export async function patchAnnotation(annotationId: string, said: NewAnnotation): Promise<void> {
  await execute(PatchMutation, { input: { ...said, annotationId } });
}

const DeleteMutation = graphql(`
  mutation DeleteSpanAnnotation($input: DeleteAnnotationsInput!) {
    deleteSpanAnnotations(input: $input) {
      spanAnnotations {
        id
      }
    }
  }
`);

/** Takes away an annotation or a note. */
export async function deleteAnnotation(id: string): Promise<void> {
  await execute(DeleteMutation, { input: { annotationIds: [id] } });
}

const NoteMutation = graphql(`
  mutation CreateSpanNote($input: CreateSpanNoteInput!) {
    createSpanNotes(input: [$input]) {
      spanAnnotations {
        id
      }
    }
  }
`);

export async function addNote(spanId: string, note: string): Promise<void> {
  await execute(NoteMutation, { input: { span: { id: spanId }, note, annotatorKind: "HUMAN", source: "APP" } });
}

import { ChevronLeft } from "lucide-react";
import {
  getNamedType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type GraphQLType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isUnionType,
} from "graphql";
import { type ReactNode, useState } from "react";
import { SearchField } from "@/components/field";
import { Markdown } from "@/components/markdown";
import styles from "./explorer.module.css";

interface SchemaDocsProps {
  readonly schema: GraphQLSchema;
  readonly path: readonly string[];
  readonly onPath: (path: readonly string[]) => void;
}

/** The types of the schema, one at a time, with the way back. */
export function SchemaDocs({ schema, path, onPath }: SchemaDocsProps) {
  const [query, setQuery] = useState("");
  const current = schema.getType(path[path.length - 1] ?? "");
  const open = (name: string) => {
    setQuery("");
    onPath([...path, name]);
  };
  return (
    <div className={styles["docs"]}>
      <SearchField label="Search types and fields" value={query} onChange={setQuery} />
      {query.trim() !== "" ? (
        <Results schema={schema} query={query.trim().toLowerCase()} onOpen={open} />
      ) : current ? (
        <>
          <button
            type="button"
            className={styles["docsBack"]}
            onClick={() => {
              onPath(path.slice(0, -1));
            }}
          >
            <ChevronLeft size={13} aria-hidden="true" />
            {path[path.length - 2] ?? "Schema"}
          </button>
          <TypeView schema={schema} type={current} onOpen={open} />
        </>
      ) : (
        <Roots schema={schema} onOpen={open} />
      )}
    </div>
  );
}

type Open = (name: string) => void;

function TypeLink({ type, onOpen }: { readonly type: GraphQLType; readonly onOpen: Open }) {
  const name = getNamedType(type).name;
  const [before, after] = String(type).split(name);
  return (
    <span className={styles["type"]}>
      {before}
      <button
        type="button"
        onClick={() => {
          onOpen(name);
        }}
      >
        {name}
      </button>
      {after}
    </span>
  );
}

function Roots({ schema, onOpen }: { readonly schema: GraphQLSchema; readonly onOpen: Open }) {
  const roots = [
    ["query", schema.getQueryType()],
    ["mutation", schema.getMutationType()],
    ["subscription", schema.getSubscriptionType()],
  ] as const;
  return (
    <>
      <h3>Start here</h3>
      <ul>
        {roots.map(([operation, type]) =>
          type ? (
            <li key={operation}>
              <span className={styles["soft"]}>{operation}: </span>
              <TypeLink type={type} onOpen={onOpen} />
            </li>
          ) : null,
        )}
      </ul>
      <h3>All types</h3>
      <ul>
        {Object.values(schema.getTypeMap())
          .filter((type) => !isIntrospectionType(type))
          .sort((a, b) => a.name.localeCompare(b.name))
          .map((type) => (
            <li key={type.name}>
              <TypeLink type={type} onOpen={onOpen} />
            </li>
          ))}
      </ul>
    </>
  );
}

const MOST_RESULTS = 80;

function Results({ schema, query, onOpen }: { readonly schema: GraphQLSchema; readonly query: string; readonly onOpen: Open }) {
  const found: { readonly key: string; readonly on: string; readonly node: ReactNode }[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type)) continue;
    if (type.name.toLowerCase().includes(query)) found.push({ key: type.name, on: type.name, node: type.name });
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
      for (const name of Object.keys(type.getFields())) {
        if (name.toLowerCase().includes(query)) {
          found.push({
            key: `${type.name}.${name}`,
            on: type.name,
            node: (
              <>
                <span className={styles["soft"]}>{type.name}.</span>
                {name}
              </>
            ),
          });
        }
      }
    }
  }
  if (found.length === 0) return <p className={styles["soft"]}>Nothing matches.</p>;
  return (
    <ul>
      {found.slice(0, MOST_RESULTS).map((result) => (
        <li key={result.key} className={styles["type"]}>
          <button
            type="button"
            onClick={() => {
              onOpen(result.on);
            }}
          >
            {result.node}
          </button>
        </li>
      ))}
      {found.length > MOST_RESULTS && <li className={styles["soft"]}>{found.length - MOST_RESULTS} more: type on to narrow it down.</li>}
    </ul>
  );
}

function Arguments({ args, onOpen }: { readonly args: readonly GraphQLArgument[]; readonly onOpen: Open }) {
  if (args.length === 0) return null;
  return (
    <span className={styles["args"]}>
      {args.map((arg) => (
        <span key={arg.name}>
          {arg.name}: <TypeLink type={arg.type} onOpen={onOpen} />
          {arg.defaultValue !== undefined && <span className={styles["soft"]}> = {JSON.stringify(arg.defaultValue)}</span>}
        </span>
      ))}
    </span>
  );
}

function TypeView({ schema, type, onOpen }: { readonly schema: GraphQLSchema; readonly type: GraphQLNamedType; readonly onOpen: Open }) {
  const fields: readonly (Pick<GraphQLField<unknown, unknown>, "name" | "type" | "description" | "deprecationReason"> & { readonly args?: readonly GraphQLArgument[] })[] =
    isObjectType(type) || isInterfaceType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : [];
  const members = isUnionType(type) ? type.getTypes() : isInterfaceType(type) ? schema.getPossibleTypes(type) : [];
  const interfaces = isObjectType(type) ? type.getInterfaces() : [];
  return (
    <>
      <h2 className="mono">{type.name}</h2>
      {type.description && <Markdown text={type.description} />}
      {interfaces.length > 0 && (
        <p>
          <span className={styles["soft"]}>implements </span>
          {interfaces.map((one) => (
            <TypeLink key={one.name} type={one} onOpen={onOpen} />
          ))}
        </p>
      )}
      <ul>
        {fields.map((field) => (
          <li key={field.name} className={styles["field"]}>
            <div className="mono">
              <strong className={field.deprecationReason ? styles["gone"] : undefined}>{field.name}</strong>
              <Arguments args={field.args ?? []} onOpen={onOpen} />
              {": "}
              <TypeLink type={field.type} onOpen={onOpen} />
            </div>
            {field.deprecationReason && <p className={styles["soft"]}>Deprecated: {field.deprecationReason}</p>}
            {field.description && <p className={styles["soft"]}>{field.description}</p>}
          </li>
        ))}
        {isEnumType(type) &&
          type.getValues().map((value) => (
            <li key={value.name} className={styles["field"]}>
              <strong className="mono">{value.name}</strong>
              {value.description && <p className={styles["soft"]}>{value.description}</p>}
            </li>
          ))}
        {members.map((member) => (
          <li key={member.name}>
            <TypeLink type={member} onOpen={onOpen} />
          </li>
        ))}
      </ul>
    </>
  );
}

import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ChoiceField, SearchField } from "@/components/field";
import { projectsOptions } from "@/features/projects/queries";
import styles from "./keys.module.css";

interface ProjectPickerProps {
  /** Names of the chosen projects; null is all, of today and of tomorrow. */
  readonly value: readonly string[] | null;
  readonly onChange: (value: readonly string[] | null) => void;
}

export function ProjectPicker({ value, onChange }: ProjectPickerProps) {
  const [search, setSearch] = useState("");
  const query = useInfiniteQuery(projectsOptions(search.trim()));
  const found = query.data?.pages.flatMap((page) => page.projects.edges.map((edge) => edge.node.name)) ?? [];
  // What was chosen stays in sight, whatever is looked for.
  const names = [...new Set([...(value ?? []), ...found])];
  return (
    <div className={styles["stack"]}>
      <ChoiceField
        label="Projects"
        name="projects"
        value={value === null ? "all" : "some"}
        options={[
          { value: "all", label: "All projects", text: "Those to come as well." },
          { value: "some", label: "Only these", text: "The key knows of no other." },
        ]}
        onChange={(next) => {
          onChange(next === "all" ? null : []);
        }}
      />
      {value !== null && (
        <div className={styles["picker"]} role="group" aria-label="Chosen projects">
          <SearchField label="Search projects" value={search} onChange={setSearch} />
          <ul>
            {names.map((name) => (
              <li key={name}>
                <label>
                  <input
                    type="checkbox"
                    checked={value.includes(name)}
                    onChange={(event) => {
                      onChange(event.target.checked ? [...value, name] : value.filter((one) => one !== name));
                    }}
                  />
                  <span>{name}</span>
                </label>
              </li>
            ))}
            {names.length === 0 && <li className={styles["faint"]}>{query.isPending ? "Loading…" : search === "" ? "There are no projects yet." : "No project is called so."}</li>}
          </ul>
        </div>
      )}
    </div>
  );
}

import { Section } from "@/components/page";
import { SelectField } from "@/components/field";
import { Segmented } from "@/components/segmented";
import { formatComplete } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { setTheme, useTheme } from "@/lib/theme";
import { BROWSER_ZONE, browserZone, setTimeZone, useTimeZone, zoneLabel, zonesByRegion } from "@/lib/time-zone";
import styles from "./sections.module.css";

const regions = zonesByRegion();

export function Component() {
  const theme = useTheme();
  const zone = useTimeZone();
  const now = useNow(1000);
  return (
    <Section title="Preferences" width="text" intro="Kept in this browser, for whoever uses it.">
      <div className={styles["choice"]}>
        <h3>Theme</h3>
        <Segmented
          label="Theme"
          value={theme}
          onChange={setTheme}
          options={[
            { value: "system", label: "System" },
            { value: "light", label: "Light" },
            { value: "dark", label: "Dark" },
          ]}
        />
      </div>
      <div className={styles["group"]}>
        <SelectField
          label="Time zone"
          value={zone}
          onChange={(event) => {
            setTimeZone(event.target.value);
          }}
          hint={
            <>
              All times are shown in it. It is now <time>{formatComplete(new Date(now).toISOString()).replace(/\.\d{3}/, "")}</time>.
            </>
          }
        >
          <option value={BROWSER_ZONE}>This browser’s ({browserZone().replaceAll("_", " ")})</option>
          <option value="UTC">UTC</option>
          {zone !== BROWSER_ZONE && zone !== "UTC" && !regions.some(([, zones]) => zones.includes(zone)) && <option value={zone}>{zone}</option>}
          {regions.map(([region, zones]) => (
            <optgroup key={region} label={region}>
              {zones.map((name) => (
                <option key={name} value={name}>
                  {zoneLabel(name)}
                </option>
              ))}
            </optgroup>
          ))}
        </SelectField>
      </div>
    </Section>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Section } from "@/components/page";
import { SkeletonRows } from "@/components/states";
import { OwnKeys } from "@/features/api_keys/own-keys";
import { viewerOptions } from "@/features/auth/session";

export function Component() {
  const viewer = useQuery(viewerOptions).data;
  if (viewer) return <OwnKeys viewer={viewer} />;
  return (
    <Section title="API keys" width="table">
      <SkeletonRows rows={4} label="Loading keys" />
    </Section>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Section } from "@/components/page";
import { FailureState, SkeletonRows } from "@/components/states";
import { OwnKeys } from "@/features/api_keys/own-keys";
import { PlainOwnKeys } from "@/features/api_keys/plain-own-keys";
import { platformOptions } from "@/features/api_keys/platform";
import { viewerOptions } from "@/features/auth/session";

export function Component() {
  const viewer = useQuery(viewerOptions).data;
  const platform = useQuery(platformOptions);
  if (platform.data === true && viewer) return <OwnKeys viewer={viewer} />;
  if (platform.data === false) return <PlainOwnKeys />;
  return (
    <Section title="API keys" width="table">
      {platform.isError ? <FailureState error={platform.error} onRetry={() => void platform.refetch()} /> : <SkeletonRows rows={4} label="Loading keys" />}
    </Section>
  );
}

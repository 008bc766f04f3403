import { Compass } from "lucide-react";
import { Link } from "react-router";
import { Page } from "@/components/page";
import { State } from "@/components/states";

export function Component() {
  return (
    <Page title="Not found">
      <State icon={Compass} title="There is nothing at this address" actions={<Link to="/projects">All projects</Link>}>
        The link may be old, or a letter may be missing.
      </State>
    </Page>
  );
}

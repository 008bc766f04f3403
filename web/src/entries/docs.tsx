import "@/styles/tokens.css";
import "@/styles/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Reference } from "@/features/rest_reference/reference";

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Reference />
    </StrictMode>,
  );
}

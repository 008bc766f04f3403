import "@/styles/tokens.css";
import "@/styles/base.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, redirect } from "react-router";
import { RouterProvider } from "react-router/dom";
import { queryClient } from "@/api/query-client";
import { Starting } from "@/components/starting";
import { config } from "@/config";
import { tracePath } from "@/lib/paths";
import { RouteError } from "@/routes/error";
import { Root } from "@/routes/root";

/** Without authentication there is nobody who could have an account. */
const firstOfProfile = config.authenticationEnabled ? "/profile/account" : "/profile/preferences";

/** Each page is a file of its own, fetched when it is first visited. */
const router = createBrowserRouter(
  [
    {
      Component: Root,
      ErrorBoundary: RouteError,
      HydrateFallback: Starting,
      children: [
        { path: "/login", lazy: () => import("@/routes/login") },
        { path: "/forgot-password", lazy: () => import("@/routes/forgot-password") },
        { path: "/reset-password", lazy: () => import("@/routes/reset-password") },
        { path: "/reset-password-with-token", lazy: () => import("@/routes/reset-password-with-token") },
        { path: "/logout", loader: () => redirect("/login") },
        {
          path: "/",
          lazy: () => import("@/routes/shell"),
          children: [
            {
              ErrorBoundary: RouteError,
              children: [
                { index: true, loader: () => redirect("/projects") },
                { path: "projects", lazy: () => import("@/routes/projects") },
                { path: "projects/:projectId", loader: ({ params }) => redirect(tracePath(params["projectId"])) },
                { path: "projects/:projectId/traces", lazy: () => import("@/routes/traces") },
                { path: "projects/:projectId/traces/:traceId", lazy: () => import("@/routes/trace") },
                { path: "projects/:projectId/sessions", lazy: () => import("@/routes/project-sessions") },
                { path: "projects/:projectId/sessions/:sessionId", lazy: () => import("@/routes/project-session") },
                { path: "projects/:projectId/spans/:traceId?", loader: ({ params }) => redirect(tracePath(params["projectId"], params["traceId"])) },
                { path: "redirects/:what/:id", lazy: () => import("@/routes/redirects") },
                {
                  path: "settings",
                  lazy: () => import("@/routes/settings"),
                  children: [
                    { index: true, loader: () => redirect("/settings/general") },
                    { path: "general", lazy: () => import("@/routes/settings-general") },
                    { path: "users/:userId?", lazy: () => import("@/routes/users") },
                    { path: "api-keys/:keyId?", lazy: () => import("@/routes/api-keys") },
                    { path: "alerts", lazy: () => import("@/routes/alerts") },
                    { path: "data", lazy: () => import("@/routes/data") },
                    { path: "access-log", lazy: () => import("@/routes/access-log") },
                    { path: "audit-log", lazy: () => import("@/routes/audit-log") },
                    // Sections that people know from elsewhere.
                    { path: "*", loader: () => redirect("/settings/general") },
                  ],
                },
                {
                  path: "profile",
                  lazy: () => import("@/routes/profile"),
                  children: [
                    { index: true, loader: () => redirect(firstOfProfile) },
                    ...(config.authenticationEnabled
                      ? [
                          { path: "account", lazy: () => import("@/routes/profile-account") },
                          { path: "api-keys/:keyId?", lazy: () => import("@/routes/profile-api-keys") },
                          { path: "sessions", lazy: () => import("@/routes/profile-sessions") },
                          { path: "apps", loader: () => redirect("/profile/sessions") },
                        ]
                      : []),
                    { path: "preferences", lazy: () => import("@/routes/profile-preferences") },
                    { path: "accessibility", loader: () => redirect("/profile/preferences") },
                    { path: "*", loader: () => redirect(firstOfProfile) },
                  ],
                },
                { path: "*", lazy: () => import("@/routes/not-found") },
              ],
            },
          ],
        },
      ],
    },
  ],
  { basename: config.basename || "/" },
);

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}

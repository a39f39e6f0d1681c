/**
 * The page's beginning: opens the client as whoever was here last, then shows the app.
 * Knows nothing of what the app shows.
 */
import "@mantine/core/styles.css";
import "./app.css";
import { MantineProvider } from "@mantine/core";
import { indexedDbIfAny, Studyhall } from "@studyhall/client";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { HallContext } from "./hall";
import { newQueryClient } from "./queries";
import { newRouter } from "./router";
import { theme } from "./theme";

const hall = await Studyhall.open({ storage: await indexedDbIfAny() });
const queries = newQueryClient();
const router = newRouter();

// What was asked in vain is asked again when the server is back; nothing of one person
// is shown to the next.
hall.reach.subscribe((reach) => {
  if (reach === "online") void queries.invalidateQueries();
});
let shown = hall.who.get().person?.id;
hall.who.subscribe(({ person }) => {
  if (person?.id !== shown) queries.clear();
  shown = person?.id;
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <HallContext value={hall}>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </HallContext>
    </MantineProvider>
  </StrictMode>,
);

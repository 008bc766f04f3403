import { CircleCheck, TriangleAlert, X } from "lucide-react";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { cx } from "@/lib/cx";
import styles from "./toast.module.css";

interface Toast {
  readonly id: number;
  readonly tone: "success" | "danger";
  readonly text: string;
}

type Show = (text: string, tone?: Toast["tone"]) => void;

const ToastContext = createContext<Show>(() => undefined);

/** Says something that needs no answer; errors stay until they are closed. */
export function useToast(): Show {
  return useContext(ToastContext);
}

const SHOWN_MS = 5000;

export function ToastProvider({ children }: { readonly children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const next = useRef(0);

  const close = useCallback((id: number) => {
    setToasts((all) => all.filter((toast) => toast.id !== id));
  }, []);

  const show = useCallback<Show>(
    (text, tone = "success") => {
      const id = (next.current += 1);
      setToasts((all) => [...all.slice(-3), { id, tone, text }]);
      if (tone === "success") {
        setTimeout(() => {
          close(id);
        }, SHOWN_MS);
      }
    },
    [close],
  );

  const region = useMemo(
    () => (
      <div className={styles["region"]} role="region" aria-label="Notifications">
        <div aria-live="polite" className={styles["list"]}>
          {toasts.map((toast) => (
            <div key={toast.id} className={cx(styles["toast"], styles[toast.tone])}>
              {toast.tone === "success" ? <CircleCheck size={15} aria-hidden="true" /> : <TriangleAlert size={15} aria-hidden="true" />}
              <span>{toast.text}</span>
              <button
                type="button"
                aria-label="Dismiss"
                onClick={() => {
                  close(toast.id);
                }}
              >
                <X size={13} aria-hidden="true" />
              </button>
            </div>
          ))}
        </div>
      </div>
    ),
    [toasts, close],
  );

  return (
    <ToastContext value={show}>
      {children}
      {createPortal(region, document.body)}
    </ToastContext>
  );
}

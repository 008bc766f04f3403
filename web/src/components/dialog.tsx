import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Dialog, Heading } from "react-aria-components/Dialog";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { cx } from "@/lib/cx";
import { useFocusKept, useGone } from "@/lib/hooks";
import { IconButton } from "./button";
import styles from "./dialog.module.css";

interface DialogBoxProps {
  readonly title: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly role?: "dialog" | "alertdialog";
  /** A click beside the dialog closes it, unless something would be lost. */
  readonly isDismissable?: boolean;
  /** Wide, for what holds code. */
  readonly size?: "normal" | "wide";
}

export function DialogBox({ title, isOpen, onClose, children, role = "dialog", isDismissable = true, size = "normal" }: DialogBoxProps) {
  const gone = useGone(isOpen);
  const keepFocus = useFocusKept();
  if (gone) return null;
  return (
    <ModalOverlay
      isOpen={isOpen}
      isDismissable={isDismissable}
      isKeyboardDismissDisabled={!isDismissable}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      className={styles["scrim"] ?? ""}
    >
      <Modal className={cx(styles["modal"], size === "wide" && styles["wideModal"])}>
        <Dialog ref={keepFocus} role={role} className={styles["dialog"] ?? ""}>
          <header className={styles["header"]}>
            <Heading slot="title">{title}</Heading>
            {isDismissable && <IconButton icon={X} label="Close" onClick={onClose} />}
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

export function DialogActions({ children }: { readonly children: ReactNode }) {
  return <div className={styles["actions"]}>{children}</div>;
}

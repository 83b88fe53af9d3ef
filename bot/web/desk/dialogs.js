/** Questions before something is done: to whom, why, and whether really. */

import { byId, make, setText } from "./dom.js";

/**
 * Asks, and does it on "yes"; the dialog stays open, with the reason, while that fails.
 *
 * @param {object} question
 * @param {string} question.title
 * @param {Node[]} question.body
 * @param {string} question.yes
 * @param {boolean} [question.danger]
 * @param {(form: FormData) => Promise<void>} question.act throws a `DeskError` with its `reason`
 */
export function ask({ title, body, yes, danger = false, act }) {
  const [dialog, form, problem] = [byId("dialog"), byId("dialog-form"), byId("dialog-problem")];
  setText(byId("dialog-title"), title);
  byId("dialog-body").replaceChildren(...body);
  setText(problem, "");
  const confirm = byId("dialog-yes");
  setText(confirm, yes);
  confirm.classList.toggle("danger", danger);
  confirm.disabled = false;
  byId("dialog-no").onclick = () => dialog.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    confirm.disabled = true; // once is enough
    setText(problem, "");
    try {
      await act(new FormData(form));
      dialog.close();
    } catch (error) {
      setText(problem, error.reason ?? "Something went wrong here.");
    }
    confirm.disabled = false;
  };
  dialog.showModal();
}

/**
 * A choice of one of several, the first chosen.
 * @param {string} legend
 * @param {string} name
 * @param {{value: string, text: string, more?: string}[]} options
 */
export function choices(legend, name, options) {
  return make("fieldset", {}, make("legend", {}, legend), ...options.map(({ value, text, more }, at) => make(
    "label",
    { class: "choice" },
    make("input", { type: "radio", name, value, checked: at === 0, required: true }),
    make("span", {}, text, more && make("span", { class: "muted" }, ` ${more}`)),
  )));
}

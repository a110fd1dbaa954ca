// Makes the pages nicer; each works without it.
'use strict';

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const live = document.createElement('div');
  live.setAttribute('role', 'status');
  live.className = 'visually-hidden';
  document.body.append(live);

  // Copy buttons beside read-only values.
  for (const button of all('[data-copy]')) {
    button.hidden = false;
    const value = button.closest('.copy').querySelector('input');
    const label = button.textContent;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(value.value);
      } catch {
        value.select();
        document.execCommand('copy');
      }
      live.textContent = `${value.getAttribute('aria-label') || 'Value'} copied`;
      button.textContent = 'Copied';
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }

  // "Select all" above a column of checkboxes, and how many are selected.
  for (const master of all('[data-select-all]')) {
    const form = master.form || document.querySelector(`form#${master.getAttribute('form')}`);
    const boxes = () => all('input[type="checkbox"][name="id"]').filter((box) => box.form === form);
    const tell = () => {
      const chosen = boxes().filter((box) => box.checked).length;
      master.checked = chosen > 0 && chosen === boxes().length;
      master.indeterminate = chosen > 0 && !master.checked;
      for (const place of all('[data-selected-count]')) place.textContent = chosen ? `${chosen} selected` : '';
    };
    master.addEventListener('change', () => {
      for (const box of boxes()) box.checked = master.checked;
      tell();
    });
    for (const box of boxes()) box.addEventListener('change', tell);
    tell();
  }

  // A last question before a form is sent.
  const ask = (text, go) => {
    const dialog = document.createElement('dialog');
    const words = document.createElement('p');
    words.textContent = text;
    const row = document.createElement('div');
    row.className = 'row';
    const yes = document.createElement('button');
    yes.className = 'primary';
    yes.textContent = 'Continue';
    const no = document.createElement('button');
    no.textContent = 'Cancel';
    row.append(yes, no);
    const stack = document.createElement('div');
    stack.className = 'stack';
    stack.append(words, row);
    dialog.append(stack);
    document.body.append(dialog);
    no.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => dialog.remove());
    yes.addEventListener('click', () => { dialog.close(); go(); });
    dialog.showModal();
    no.focus();
  };

  for (const form of all('form')) {
    form.addEventListener('submit', (event) => {
      const question = form.dataset.confirm;
      if (question && !form.dataset.agreed) {
        event.preventDefault();
        const submitter = event.submitter;
        ask(question, () => { form.dataset.agreed = 'yes'; form.requestSubmit(submitter); });
        return;
      }
      if (form.method !== 'post') return;
      // A second click must not post twice.
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = 'yes';
      const button = event.submitter;
      if (button && button.dataset.busy) {
        button.dataset.label = button.textContent;
        button.textContent = button.dataset.busy;
      }
    });
  }
  // Back in the browser shows the page as it was: make its forms usable again.
  addEventListener('pageshow', () => {
    for (const form of all('form')) { delete form.dataset.sent; delete form.dataset.agreed; }
    for (const button of all('[data-label]')) button.textContent = button.dataset.label;
  });

  // Filters act when they are changed.
  for (const form of all('form[data-auto]')) {
    for (const select of all('select', form)) select.addEventListener('change', () => form.requestSubmit());
  }

  // A dangerous button stays off until the words are typed.
  for (const input of all('[data-typed]')) {
    const button = input.form.querySelector('button.danger');
    const tell = () => { button.disabled = input.value.trim() !== input.dataset.typed; };
    input.addEventListener('input', tell);
    tell();
  }
})();

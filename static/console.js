// Makes the pages nicer; each works without it.
'use strict';

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const live = document.createElement('div');
  live.setAttribute('role', 'status');
  live.className = 'visually-hidden';
  document.body.append(live);
  // The same words are announced again only if the region was empty in between.
  const say = (text) => { live.textContent = ''; setTimeout(() => { live.textContent = text; }, 50); };

  // What is wrong with a form is looked at first, wherever the browser stood.
  const complaints = document.getElementById('complaints');
  if (complaints) {
    complaints.focus();
    // An address that leads to a part of the page takes the focus away once more when all is there.
    if (location.hash) addEventListener('load', () => setTimeout(() => complaints.focus()));
  }

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
      say(`${value.getAttribute('aria-label') || 'Value'} copied`);
      button.textContent = 'Copied';
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }

  // "Select all" above a column of checkboxes, and how many are selected in the whole form.
  for (const master of all('[data-select-all]')) {
    const boxes = all('tbody input[type="checkbox"]', master.closest('table'));
    master.hidden = false;
    const tell = () => {
      const chosen = boxes.filter((box) => box.checked).length;
      master.checked = chosen > 0 && chosen === boxes.length;
      master.indeterminate = chosen > 0 && !master.checked;
      const inForm = all('tbody input[type="checkbox"]:checked').filter((box) => box.form === boxes[0].form).length;
      for (const place of all('[data-selected-count]')) place.textContent = inForm ? `${inForm} selected` : '';
    };
    master.addEventListener('change', () => {
      for (const box of boxes) box.checked = master.checked;
      tell();
    });
    for (const box of boxes) box.addEventListener('change', tell);
    tell();
  }

  // A last question before a form is sent.
  const ask = (text, dangerous, go) => {
    const dialog = document.createElement('dialog');
    const words = document.createElement('p');
    words.textContent = text;
    words.id = 'question';
    dialog.setAttribute('aria-labelledby', words.id);
    const row = document.createElement('div');
    row.className = 'row';
    const yes = document.createElement('button');
    yes.className = dangerous ? 'danger' : 'primary';
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
      const submitter = event.submitter;
      // A form may have several buttons, each with a question of its own.
      const question = (submitter && submitter.dataset.confirm) || form.dataset.confirm;
      if (question && !form.dataset.agreed) {
        event.preventDefault();
        const dangerous = submitter !== null && submitter.classList.contains('danger');
        ask(question, dangerous, () => {
          form.dataset.agreed = 'yes';
          form.requestSubmit(submitter);
          delete form.dataset.agreed;
        });
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
    for (const form of all('form')) { delete form.dataset.sent; }
    for (const button of all('[data-label]')) button.textContent = button.dataset.label;
  });

  // What takes long says how far it is, without the page being loaded anew.
  const follow = async () => {
    const place = document.querySelector('[data-progress]');
    if (!place) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
      // Whoever is signed out meanwhile is led to the page that says so.
      if (answer.redirected) { location.assign(answer.url); return; }
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const now = answer.ok && page.getElementById(place.id);
      if (now) {
        place.replaceWith(now);
        const told = now.querySelector('[role]');
        if (told) say(told.textContent.trim());
      }
    } catch {
      // The server is not to be reached just now: it is asked again.
    }
    setTimeout(follow, 2000);
  };
  if (document.querySelector('[data-progress]')) setTimeout(follow, 1000);

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

  // A chosen file is named with its size, before it travels.
  const size = (bytes) => (bytes < 1024 ? `${bytes} bytes`
    : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`);
  for (const input of all('input[type="file"]')) {
    const note = document.createElement('span');
    note.className = 'hint';
    note.hidden = true;
    input.after(note);
    const tell = () => {
      note.textContent = [...input.files].map((file) => `${file.name}, ${size(file.size)}`).join('; ');
      note.hidden = input.files.length === 0;
      if (!note.hidden) say(note.textContent);
    };
    input.addEventListener('change', tell);
  }
})();

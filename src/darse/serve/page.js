"use strict";
const find = (id) => document.getElementById(id);

const show = (element, text) => {
  element.textContent = text;
  element.hidden = text === "";
};

function row(name, probability) {
  const line = document.createElement("tr");
  const label = document.createElement("td");
  const value = document.createElement("td");
  const meter = document.createElement("meter");
  label.textContent = name;
  meter.value = probability;
  value.append(meter, ` ${(100 * probability).toFixed(1)} %`);
  line.append(label, value);
  return line;
}

function draw(said) {
  const classes = Object.entries(said.probabilities).sort((one, other) => other[1] - one[1]);
  find("result").hidden = classes.length === 0;
  find("result").querySelector("caption").textContent = said.label ?? "";
  find("result").querySelector("tbody").replaceChildren(...classes.map(([name, value]) => row(name, value)));
  show(find("score"), said.score === null ? "" : `Score: ${said.score.toFixed(3)}`);
  show(find("by"), `By ${said.adapter} (${said.served_as}, ${said.digest.slice(0, 12)})`);
}

find("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { text: find("text").value };
  if (find("target").value) body.target = find("target").value;
  const headers = { "Content-Type": "application/json" };
  if (find("token").value) headers.Authorization = `Bearer ${find("token").value}`;
  show(find("problem"), "");
  try {
    const response = await fetch("/v1/score", { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    draw(answer.results[0]);
  } catch (error) {
    show(find("problem"), error.message);
  }
});

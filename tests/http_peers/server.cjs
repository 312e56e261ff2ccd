// SPDX-License-Identifier: Apache-2.0
const express = require("express");

const app = express();
app.disable("x-powered-by");
app.use(express.raw({ type: () => true, limit: "1mb" }));
app.get("/", (request, response) => response.send("ok"));
app.post("/", (request, response) => response.send("ok"));
app.listen(Number(process.argv[2]), "127.0.0.1");

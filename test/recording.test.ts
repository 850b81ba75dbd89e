import { testChecks } from "./acceptance/as-tests.ts";
import { sessionCheck } from "./acceptance/session.ts";

testChecks([sessionCheck]);

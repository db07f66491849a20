//! Lambda gates: a function is told what ECS tells its lifecycle hooks, and answers as to ECS.

use super::Context;
use crate::aws::AwsError;
use crate::deployment::gate::{Gate, execution_id};
use crate::gate::{Execution, GateAnswer, LambdaCheck, USUAL_DELAY, function_error, judge_lambda};

impl Context {
    pub(super) async fn invoke(&self, gate: &Gate, check: &LambdaCheck) -> GateAnswer {
        match self.try_to_invoke(gate, check).await {
            Ok(answer) => answer.told_of(&check.function.to_string()),
            Err(error) => self.unanswered(&error),
        }
    }

    async fn try_to_invoke(
        &self,
        gate: &Gate,
        check: &LambdaCheck,
    ) -> Result<GateAnswer, AwsError> {
        let plan = &self.plan;
        let released = self.cloud.releases(plan).await?;
        let Some(green) = released.green else {
            let why = "ECS lists no service deployment of green".to_owned();
            return Ok(self.again(why));
        };
        let execution = Execution {
            id: execution_id(plan, gate, self.point),
            stage: check.stage.unwrap_or_else(|| self.point.stage(plan)),
            deployment: green.deployment,
            service: green.service,
            green: green.revision,
            blue: released.blue.map(|it| it.revision),
            per_mille: self.weight.per_mille(),
        };
        let event = check.event(&execution, &self.details);
        let invoked = self.cloud.invoke(&check.function, &event).await?;
        Ok(match invoked.error {
            Some(kind) => GateAnswer::Failed {
                why: function_error(&kind, &invoked.answer, &invoked.log),
            },
            None => judge_lambda(&invoked.answer, &self.details),
        })
    }

    fn again(&self, why: String) -> GateAnswer {
        GateAnswer::Again {
            why,
            after: USUAL_DELAY,
            details: self.details.clone(),
        }
    }

    /// Where it was not the function that answered: what may pass is waited for.
    fn unanswered(&self, error: &AwsError) -> GateAnswer {
        let why = match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        match error.class.may_pass() {
            true => self.again(why),
            false => GateAnswer::Failed { why },
        }
    }
}

import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from orchestrator.wire.v1 import agent_pb2 as _agent_pb2
from orchestrator.wire.v1 import chat_pb2 as _chat_pb2
from orchestrator.wire.v1 import comment_pb2 as _comment_pb2
from orchestrator.wire.v1 import document_pb2 as _document_pb2
from orchestrator.wire.v1 import notification_pb2 as _notification_pb2
from orchestrator.wire.v1 import project_pb2 as _project_pb2
from orchestrator.wire.v1 import rating_pb2 as _rating_pb2
from orchestrator.wire.v1 import session_pb2 as _session_pb2
from orchestrator.wire.v1 import task_pb2 as _task_pb2
from orchestrator.wire.v1 import task_file_pb2 as _task_file_pb2
from orchestrator.wire.v1 import user_pb2 as _user_pb2
from orchestrator.wire.v1 import webhook_pb2 as _webhook_pb2
from orchestrator.wire.v1 import workflow_pb2 as _workflow_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("number", "type", "created_at", "session", "agent", "task", "workflow", "workflow_run", "webhook", "webhook_delivery", "document", "project", "project_member", "user", "comment", "task_file", "notification", "invitation", "api_key", "rating", "answer", "answer_pieces", "conversation", "traceparent")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_RUN_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_DELIVERY_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    PROJECT_MEMBER_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    TASK_FILE_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    INVITATION_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ANSWER_PIECES_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    number: int
    type: str
    created_at: _timestamp_pb2.Timestamp
    session: _session_pb2.Session
    agent: _agent_pb2.Agent
    task: _task_pb2.Task
    workflow: _workflow_pb2.Workflow
    workflow_run: _workflow_pb2.WorkflowRun
    webhook: _webhook_pb2.Webhook
    webhook_delivery: _webhook_pb2.WebhookDelivery
    document: _document_pb2.Document
    project: _project_pb2.Project
    project_member: _project_pb2.ProjectMember
    user: _user_pb2.User
    comment: _comment_pb2.Comment
    task_file: _task_file_pb2.TaskFile
    notification: _notification_pb2.Notification
    invitation: _user_pb2.Invitation
    api_key: _user_pb2.ApiKey
    rating: _rating_pb2.Rating
    answer: _chat_pb2.Answer
    answer_pieces: _chat_pb2.AnswerPieces
    conversation: _chat_pb2.Conversation
    traceparent: str
    def __init__(self, number: _Optional[int] = ..., type: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., agent: _Optional[_Union[_agent_pb2.Agent, _Mapping]] = ..., task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ..., workflow_run: _Optional[_Union[_workflow_pb2.WorkflowRun, _Mapping]] = ..., webhook: _Optional[_Union[_webhook_pb2.Webhook, _Mapping]] = ..., webhook_delivery: _Optional[_Union[_webhook_pb2.WebhookDelivery, _Mapping]] = ..., document: _Optional[_Union[_document_pb2.Document, _Mapping]] = ..., project: _Optional[_Union[_project_pb2.Project, _Mapping]] = ..., project_member: _Optional[_Union[_project_pb2.ProjectMember, _Mapping]] = ..., user: _Optional[_Union[_user_pb2.User, _Mapping]] = ..., comment: _Optional[_Union[_comment_pb2.Comment, _Mapping]] = ..., task_file: _Optional[_Union[_task_file_pb2.TaskFile, _Mapping]] = ..., notification: _Optional[_Union[_notification_pb2.Notification, _Mapping]] = ..., invitation: _Optional[_Union[_user_pb2.Invitation, _Mapping]] = ..., api_key: _Optional[_Union[_user_pb2.ApiKey, _Mapping]] = ..., rating: _Optional[_Union[_rating_pb2.Rating, _Mapping]] = ..., answer: _Optional[_Union[_chat_pb2.Answer, _Mapping]] = ..., answer_pieces: _Optional[_Union[_chat_pb2.AnswerPieces, _Mapping]] = ..., conversation: _Optional[_Union[_chat_pb2.Conversation, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...

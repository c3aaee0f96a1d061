import sys
from common import *
from shares import f1q
dr=draws(60)[:40]
def adam_head(X,XU,tr,seed,lr=1e-3,wd=0.1,steps=200,drop=0.0,ssl=None,prior=.2,lam=1.,tau=.8,bs=20,bu=96,ema=.95):
    g=torch.Generator().manual_seed(seed); d=X.shape[1]
    W=torch.zeros(2,d,requires_grad=True);b=torch.zeros(2,requires_grad=True)
    opt=torch.optim.AdamW([W,b],lr=lr,weight_decay=wd)
    xt=torch.from_numpy(X[tr]);yt=torch.from_numpy(y[tr]);xu=torch.from_numpy(XU)
    pi=torch.tensor([prior,1-prior]); run=torch.tensor([.5,.5]); We=W.detach().clone();be=b.detach().clone()
    for s in range(steps):
        z=(torch.nn.functional.dropout(xt,drop) if drop else xt)@W.T+b
        l=torch.nn.functional.cross_entropy(z,yt)
        if ssl:
            r=torch.randint(0,len(xu),(bu,),generator=g); u=xu[r]
            with torch.no_grad():
                q=torch.softmax(u@We.T+be,1); run=.9*run+.1*q.mean(0); qa=q*pi/run; qa=qa/qa.sum(1,keepdim=True)
                conf,lab=qa.max(1)
            zs=torch.nn.functional.dropout(u,.3)@W.T+b
            if ssl=='hard': lu=(torch.nn.functional.cross_entropy(zs,lab,reduction='none')*(conf>=tau)).mean()
            else: lu=-(qa*torch.log_softmax(zs,1)).sum(1).mean()
            l=l+lam*lu
        opt.zero_grad();l.backward();opt.step()
        k=min(ema,s/(s+10)); We=k*We+(1-k)*W.detach();be=k*be+(1-k)*b.detach()
    return We.numpy(),be.numpy()
def run(tag,X,XU,**kw):
    A=[];F=[];Q=[];PR=[]
    for i,(tr,te) in enumerate(dr):
        W,b=adam_head(X,XU,tr,i,**kw); f=X[te]@(W[0]-W[1])+b[0]-b[1]; A.append(auc(f,y[te])); F.append([f1m((f+o<0).astype(int),y[te]) for o in (0,np.log(.25),np.log(.15/.85))]);Q.append(f1q(f,y[te],.15)); PR.append((f>0).mean())
    print(f'{tag} {kw} AUC {np.mean(A):.3f} F1 {np.round(np.mean(F,0),3)} F1q {np.mean(Q):.3f} share {np.mean(PR):.2f}',flush=True)
if __name__=='__main__':
  for t in ('c','c1'):
    d=np.load(f'Z_{t}.npz'); Z,ZU=d['Z'],d['ZU']; m=ZU.mean(0); s=ZU.std(); X,XU=((Z-m)/s).astype(np.float32),((ZU-m)/s).astype(np.float32)
    run(t,X,XU,lr=3e-4,steps=100); run(t,X,XU,lr=1e-3,steps=100); run(t,X,XU,lr=1e-3,steps=300); run(t,X,XU,lr=1e-3,steps=300,wd=3.)
    run(t,X,XU,lr=1e-3,steps=100,drop=.5)
    for ssl,lam in (('hard',1.),('soft',1.)):
        for prior in (.2,.1): run(t,X,XU,lr=1e-3,steps=200,ssl=ssl,lam=lam,prior=prior)
